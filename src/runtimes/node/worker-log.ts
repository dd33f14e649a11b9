import { format } from 'node:util';
import type { Logger, LogLevel } from '@dcf/sdk';

/** Receives one entry of the function's log. */
export type LogSink = (level: LogLevel, text: string) => void;

/** A logger whose entries go to `sink`, formatted as `console.log` would. */
export function createLogger(sink: LogSink): Logger {
  const write =
    (level: LogLevel) =>
    (...values: unknown[]) =>
      sink(level, format(...values));
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

/** Lets `console` write to the function's log, so that its lines carry the id of their call. */
export function captureConsole(logger: Logger): void {
  console.debug = logger.debug;
  console.log = logger.info;
  console.info = logger.info;
  console.warn = logger.warn;
  console.error = logger.error;
  console.trace = (...values: unknown[]) => logger.error(new Error(format(...values)).stack);
}
