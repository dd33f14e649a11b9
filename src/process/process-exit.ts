import { constants } from 'node:os';
import { outOfHeapExitCode } from '../core/interpreter.js';

/** Which memory a process ran out of: V8's heap, or all that `limits.memory` allows, in bytes. */
export type MemoryEnd = { kind: 'heap' } | { kind: 'limit'; limit: number };

/** How a process ended. */
export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Set when it ended for its memory. */
  memory?: MemoryEnd;
}

const signals = new Map<number, NodeJS.Signals>();
for (const [name, number] of Object.entries(constants.signals)) {
  if (isSignal(name) && !signals.has(number)) signals.set(number, name);
}

function isSignal(name: string): name is NodeJS.Signals {
  return Object.hasOwn(constants.signals, name);
}

/** bubblewrap, like a shell, exits with 128 and the number of the signal that ended what it ran. */
export function exitInSandbox({ code, signal }: Exit): Exit {
  const inside = code === null ? undefined : signals.get(code - 128);
  return inside === undefined ? { code, signal } : { code: null, signal: inside };
}

/** Whether a process ended as V8 ends one whose heap is full. */
export function endedForHeap({ code, signal }: Exit, wroteSign: boolean): boolean {
  return code === outOfHeapExitCode || (wroteSign && (signal === 'SIGABRT' || signal === 'SIGTRAP' || signal === 'SIGILL'));
}
