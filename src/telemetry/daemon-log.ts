import pino, { type DestinationStream, type LoggerOptions } from 'pino';

/** Writes to the daemon's own log. A field `error` may be anything that was thrown. */
export type DaemonLog = Readonly<Record<DaemonLogLevel, (fields: Readonly<Record<string, unknown>>, message: string) => void>>;

export type DaemonLogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface DaemonLogOptions {
  /** What is less important is left out. */
  level: DaemonLogLevel;
  /** Where the lines go; stderr if left out. */
  destination?: { write(line: string): void };
  /** For people instead of machines; if left out, that is so where stderr is a terminal. */
  pretty?: boolean;
}

/** Keys whose values are never logged. */
const secretKeys = ['token', 'authorization', 'Authorization', 'secret', 'secrets', 'password', 'apiKey'];
/** How deep below a field they are looked for. */
const prefixes = ['', '*.', '*.*.', '*.*.*.'];

const stderr = 2;
/** A reader of stderr that stands still must not hold up the daemon: beyond this the lines are dropped. */
const maxBufferBytes = 2 ** 20;

/** The daemon's own log: a line of JSON each, or a line for people where stderr is a terminal. */
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
      // Nobody reads it any more.
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
