import { constants } from 'node:os';
import { CommandError } from './errors.js';

const signals = ['SIGINT', 'SIGTERM'] as const;
/** How long a command may take to give up what it does before it is ended. */
const graceMs = 2_000;

const controller = new AbortController();
let caught = false;
let exitCode: number | undefined;

/**
 * From now on Ctrl-C does not end the process at once: the signal returned aborts, so that what runs at the daemon or in a
 * child is cancelled. A second Ctrl-C, or one that is not heeded in time, ends the process.
 */
export function catchInterrupts(): AbortSignal {
  if (!caught) for (const signal of signals) process.on(signal, interrupt);
  caught = true;
  return controller.signal;
}

/** Rejects when the user gives up: for what cannot be cancelled but need not be waited for either. */
export function rejectWhenInterrupted(): Promise<never> {
  const signal = catchInterrupts();
  const interrupted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new CommandError(1, 'cancelled')), { once: true });
  });
  // Nobody may be waiting for it at that moment.
  interrupted.catch(() => undefined);
  return interrupted;
}

/** The exit code that an interrupted command ends with, 128 and the signal's number; `undefined` when there was none. */
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
