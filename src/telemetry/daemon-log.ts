import pino, { type DestinationStream, type LoggerOptions } from 'pino';

/** Writes to the daemon's own log. A field `error` may be anything that was thrown. */
export type DaemonLog = Readonly<Record<DaemonLogLevel, (fields: Readonly<Record<string, unknown>>, message: string) => void>>;

export type DaemonLogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface DaemonLogOptions {
  /** Lines of lower levels are left out. */
  level: DaemonLogLevel;
  /** Gets the lines. @default stderr */
  destination?: { write(line: string): void };
  /** Whether the lines are formatted for people instead of as JSON. @default whether stderr is a terminal */
  pretty?: boolean;
}

/** Keys whose values are never logged. */
const secretKeys = ['token', 'authorization', 'Authorization', 'secret', 'secrets', 'password', 'apiKey'];
/** The depths below a field at which the keys are looked for. */
const prefixes = ['', '*.', '*.*.', '*.*.*.'];

const stderr = 2;
/** Lines beyond this buffer are dropped: a program that does not read the daemon's stderr must not stop the daemon. */
const maxBufferBytes = 2 ** 20;

/** Makes the daemon's own log: lines of JSON, or lines for people when stderr is a terminal. */
export async function createDaemonLog({ level, destination, pretty }: DaemonLogOptions): Promise<DaemonLog> {
  const options: LoggerOptions = {
    level,
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { error: pino.stdSerializers.err },
    redact: { paths: prefixes.flatMap((prefix) => secretKeys.map((key) => `${prefix}${key}`)), censor: '[redacted]' },
  };
  const stream = destination ?? openStderr();
  const logger = pino(options, (pretty ?? (destination === undefined && process.stderr.isTTY)) ? await prettyStream(stream) : stream);
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
  };
}

function openStderr(): DestinationStream {
  const stream = pino.destination({ dest: stderr, sync: false, maxLength: maxBufferBytes });
  process.once('exit', () => {
    try {
      stream.flushSync();
    } catch {
      // stderr was closed.
    }
  });
  return stream;
}

async function prettyStream(stream: DestinationStream): Promise<DestinationStream> {
  const { prettyFactory } = await import('pino-pretty');
  const format = prettyFactory({
    colorize: process.stderr.isTTY,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pid',
    errorLikeObjectKeys: ['error'],
  });
  return { write: (line) => stream.write(format(line)) };
}
