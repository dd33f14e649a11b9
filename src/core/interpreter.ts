import { fileURLToPath } from 'node:url';
import type { RuntimeName } from '@dcf/sdk/languages';

/** A program of this host that runs the functions of a language. */
export interface Interpreter {
  readonly runtime: RuntimeName;
  /** Absolute, and the program itself: no shim that looks for it at each start. */
  readonly executable: string;
  /** What compiled packages are made for, such as `cpython-311`. */
  readonly tag: string;
  /** Such as `3.11.7`. */
  readonly version: string;
  /** Where it and its packages lie, beyond the program itself: what a sandbox has to be able to read. */
  readonly folders: readonly string[];
}

/** The place of a file that runs in replicas, by its path in `src/runtimes`. From here it is as far in a bundle of this project. */
export function replicaProgram(path: string): string {
  return fileURLToPath(new URL(`../runtimes/${path}`, import.meta.url));
}

/** A Node replica's exit code after one of its threads ran out of JavaScript heap; a process that does is aborted by V8 itself. */
export const outOfHeapExitCode = 222;

/** The Node that runs this very program, which runs functions, too. */
export const nodeInterpreter: Interpreter = {
  runtime: 'node',
  executable: process.execPath,
  tag: process.versions.modules,
  version: process.versions.node,
  folders: [],
};
