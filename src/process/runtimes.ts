import { fileURLToPath } from 'node:url';
import { type RuntimeName, runtimeNames } from '@dcf/sdk/languages';
import type { Manifest } from '@dcf/sdk/manifest';
import { messageOf } from '../core/errors.js';
import { type Interpreter, nodeInterpreter } from '../core/interpreter.js';
import { type Confinement, heapLimit } from './confinement.js';
import { findPython } from './python-interpreter.js';

export type { Interpreter };

/** The program for each runtime when the manifest asks for no version: a name on the PATH, or a path. */
export type Programs = Readonly<Partial<Record<RuntimeName, string | undefined>>>;

/** How functions in one language run on this host. */
interface Runtime {
  /** Finds the interpreter. Throws a DcfError FAILED_PRECONDITION that says what was looked for and what was found. */
  readonly find: (wanted: Pick<Manifest, 'python'>, program: string | undefined) => Promise<Interpreter>;
  /** The command that runs a replica with `workers` workers. */
  readonly command: (interpreter: Interpreter, workers: number, confinement: Confinement) => string[];
}

const nodeRuntime = fileURLToPath(new URL('../runtimes/node/bundle/main.js', import.meta.url));
const pythonRuntime = fileURLToPath(new URL('../runtimes/python/main.py', import.meta.url));

const runtimes: Readonly<Record<RuntimeName, Runtime>> = {
  node: {
    find: async () => nodeInterpreter,
    command: ({ executable }, workers, { memoryLimit }) => {
      const heap = memoryLimit === undefined ? [] : [`--max-old-space-size=${heapLimit(memoryLimit, workers)}`];
      return [executable, '--enable-source-maps', ...heap, nodeRuntime];
    },
  },
  python: {
    find: ({ python }, program = 'python3') => findPython({ version: python, fallback: program }),
    // -B writes no byte code into the revision's folder; faulthandler prints the Python line that led to a crash in native code.
    command: ({ executable }) => [executable, '-B', '-X', 'faulthandler', pythonRuntime],
  },
};

/**
 * Finds the interpreter that runs a function on this host.
 *
 * @throws DcfError FAILED_PRECONDITION that says what was looked for and what was found
 */
export function findInterpreter(manifest: Pick<Manifest, 'runtime' | 'python'>, programs: Programs): Promise<Interpreter> {
  const { runtime } = manifest;
  return runtimes[runtime].find(manifest, programs[runtime]);
}

/** The command that runs a replica with `workers` workers. */
export function runtimeCommand(interpreter: Interpreter, workers: number, confinement: Confinement): string[] {
  return runtimes[interpreter.runtime].command(interpreter, workers, confinement);
}

/** Whether functions with a runtime can run on this host. */
export interface RuntimeSupport {
  readonly runtime: RuntimeName;
  readonly usable: boolean;
  /** For people: version and path, or why it cannot be used. */
  readonly detail: string;
}

/** Looks for each runtime except Node, which runs this program. */
export function runtimeSupport(programs: Programs): Promise<RuntimeSupport[]> {
  return Promise.all(runtimeNames.filter((runtime) => runtime !== 'node').map((runtime) => supportOf(runtime, programs)));
}

/** Whether functions with a runtime can run on this host. */
export async function supportOf(runtime: RuntimeName, programs: Programs): Promise<RuntimeSupport> {
  try {
    const { version, executable } = await findInterpreter({ runtime, python: undefined }, programs);
    return { runtime, usable: true, detail: `${version}, ${executable}` };
  } catch (error) {
    return { runtime, usable: false, detail: messageOf(error) };
  }
}
