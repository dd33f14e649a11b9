import { fileURLToPath } from 'node:url';
import type { RuntimeName } from '@dcf/sdk/languages';

/** A program of this host that runs the functions of a language. */
export interface Interpreter {
  readonly runtime: RuntimeName;
  /** The absolute path of the program itself, not of a shim that looks for it at each start. */
  readonly executable: string;
  /** The ABI that compiled packages are made for, such as `cpython-311`. */
  readonly tag: string;
  /** The version, such as `3.11.7`. */
  readonly version: string;
  /** The folders of its library and its packages, which a sandbox has to be able to read. */
  readonly folders: readonly string[];
}

/** The place of a file that runs in replicas, by its path in `src/runtimes`. From here it is as far in a bundle of this project. */
export function replicaProgram(path: string): string {
  return fileURLToPath(new URL(`../runtimes/${path}`, import.meta.url));
}

/** A Node replica's exit code after one of its threads ran out of JavaScript heap; a process that does is aborted by V8 itself. */
export const outOfHeapExitCode = 222;

/** The Node that runs this program; it runs functions, too. */
export const nodeInterpreter: Interpreter = {
  runtime: 'node',
  executable: process.execPath,
  tag: process.versions.modules,
  version: process.versions.node,
  folders: [],
};
