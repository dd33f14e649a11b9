import { constants } from 'node:os';
import { CommandError } from './errors.js';

const signals = ['SIGINT', 'SIGTERM'] as const;
/** How long a command may take to end after Ctrl-C, in milliseconds. */
const graceMs = 2_000;

const controller = new AbortController();
let caught = false;
let exitCode: number | undefined;

/**
 * Catches Ctrl-C from now on: it aborts the returned signal, so that what runs at the daemon or in a child process is cancelled. The process
 * ends at a second Ctrl-C, or when the command has not ended in time.
 */
export function catchInterrupts(): AbortSignal {
  if (!caught) for (const signal of signals) process.on(signal, interrupt);
  caught = true;
  return controller.signal;
}

/** Rejects at Ctrl-C; for work that cannot be cancelled, but need not be waited for. */
export function rejectWhenInterrupted(): Promise<never> {
  const signal = catchInterrupts();
  const interrupted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new CommandError(1, 'cancelled')), { once: true });
  });
  // Nobody may be waiting for it at that moment.
  interrupted.catch(() => undefined);
  return interrupted;
}

/** The exit code of an interrupted command: 128 plus the signal's number; `undefined` if it was not interrupted. */
export function interruptedExitCode(): number | undefined {
  return exitCode;
}

function interrupt(signal: (typeof signals)[number]): void {
  if (exitCode !== undefined) process.exit(exitCode);
  const code = 128 + constants.signals[signal];
  exitCode = code;
  setTimeout(() => process.exit(code), graceMs).unref();
  controller.abort();
}
