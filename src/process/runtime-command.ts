import { fileURLToPath } from 'node:url';
import { type Confinement, heapLimit } from './confinement.js';
import type { PythonInterpreter } from './python-interpreter.js';

/** What runs a revision's Handlers. */
export type Runtime = { kind: 'node' } | { kind: 'python'; interpreter: PythonInterpreter };

const nodeRuntime = fileURLToPath(new URL('../runtimes/node/bundle/main.js', import.meta.url));
const pythonRuntime = fileURLToPath(new URL('../runtimes/python/main.py', import.meta.url));

/** The command that becomes a replica of so many workers. */
export function runtimeCommand(runtime: Runtime, workers: number, { memoryLimit }: Confinement): string[] {
  if (runtime.kind === 'python') {
    // No byte code is written into a revision's folder; a crash in a library's code tells the line that called it.
    return [runtime.interpreter.executable, '-B', '-X', 'faulthandler', pythonRuntime];
  }
  const heap = memoryLimit === undefined ? [] : [`--max-old-space-size=${heapLimit(memoryLimit, workers)}`];
  return [process.execPath, '--enable-source-maps', ...heap, nodeRuntime];
}
