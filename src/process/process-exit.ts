import { constants } from 'node:os';
import { outOfHeapExitCode } from '../core/interpreter.js';

/** Which memory a process ran out of: V8's heap, or the memory that `limits.memory` allows. `limit` is in bytes. */
export type MemoryEnd = { kind: 'heap' } | { kind: 'limit'; limit: number };

/** How a process ended. */
export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Set when it ended because it ran out of memory. */
  memory?: MemoryEnd;
}

const signals = new Map<number, NodeJS.Signals>();
for (const [name, number] of Object.entries(constants.signals)) {
  if (isSignal(name) && !signals.has(number)) signals.set(number, name);
}

function isSignal(name: string): name is NodeJS.Signals {
  return Object.hasOwn(constants.signals, name);
}

/** How the command in a sandbox ended. Like a shell, bubblewrap exits with 128 plus the number of the signal that ended the command. */
export function exitInSandbox({ code, signal }: Exit): Exit {
  const inside = code === null ? undefined : signals.get(code - 128);
  return inside === undefined ? { code, signal } : { code: null, signal: inside };
}

/** Whether V8 ended a process because its heap was full. @param wroteSign - whether V8's message about it was seen on stderr */
export function endedForHeap({ code, signal }: Exit, wroteSign: boolean): boolean {
  return code === outOfHeapExitCode || (wroteSign && (signal === 'SIGABRT' || signal === 'SIGTRAP' || signal === 'SIGILL'));
}
