import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { DcfError, errorCode, messageOf } from '../core/errors.js';
import { sandboxCommand } from './sandbox.js';

/** Whether this host can run a function in a sandbox. */
export type SandboxSupport =
  | { usable: true; detail: string /** Whether the size of /tmp can be limited. */; sized: boolean }
  | { usable: false; detail: string };

const run = promisify(execFile);
const timeoutMs = 20_000;

let support: Promise<SandboxSupport> | undefined;

/** Tries once whether bubblewrap is there and the kernel lets it work; later calls give the first one's result. */
export function sandboxSupport(): Promise<SandboxSupport> {
  support ??= probe();
  return support;
}

/** @throws DcfError FAILED_PRECONDITION with the reason when this host has no sandboxes */
export async function requireSandbox(): Promise<{ sized: boolean }> {
  const found = await sandboxSupport();
  if (found.usable) return found;
  const message = `isolation: sandbox cannot be had on this host: ${found.detail}. Make it so, or deploy the function with isolation: process`;
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
