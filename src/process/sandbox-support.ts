import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { DcfError, errorCode, messageOf } from '../core/errors.js';
import { sandboxCommand } from './sandbox.js';

/** Whether this host can run a function in a sandbox. */
export type SandboxSupport =
  | {
      usable: true;
      /** The version of bubblewrap. */
      detail: string;
      /** Whether the size of /tmp can be limited. */
      sized: boolean;
    }
  | {
      usable: false;
      /** Why it cannot. */
      detail: string;
    };

const run = promisify(execFile);
const timeoutMs = 20_000;

let support: Promise<SandboxSupport> | undefined;

/** Tries whether bubblewrap is installed and the kernel lets it work. It is tried once; later calls return the first result. */
export function sandboxSupport(): Promise<SandboxSupport> {
  support ??= probe();
  return support;
}

/**
 * Makes sure that this host can run a function in a sandbox.
 *
 * @returns `sized`: whether the size of /tmp can be limited
 * @throws DcfError FAILED_PRECONDITION with the reason when it cannot
 */
export async function requireSandbox(): Promise<{ sized: boolean }> {
  const found = await sandboxSupport();
  if (found.usable) return found;
  const message = `isolation: sandbox is not available on this host: ${found.detail}. Mend that and restart dcfd, or deploy the function with isolation: process`;
  throw new DcfError('FAILED_PRECONDITION', message);
}

async function probe(): Promise<SandboxSupport> {
  try {
    const [{ stdout: version }, { stdout: help }] = await Promise.all([run('bwrap', ['--version']), run('bwrap', ['--help'])]);
    const options = { directory: '/', network: false, gpu: false, readOnly: [], temporarySize: undefined };
    const [file = '', ...argv] = [...sandboxCommand(options), process.execPath, '--version'];
    await run(file, argv, { timeout: timeoutMs, killSignal: 'SIGKILL' });
    return { usable: true, detail: version.trim(), sized: /^\s*--size\b/m.test(help) };
  } catch (error) {
    return { usable: false, detail: reasonOf(error) };
  }
}

function reasonOf(error: unknown): string {
  if (errorCode(error) === 'ENOENT') return 'bwrap is not installed (the package is called bubblewrap)';
  const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
  return `bwrap does not work here: ${stderr.split('\n').at(-1) || messageOf(error)}`;
}
