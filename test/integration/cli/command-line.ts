import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../../src/bin/dcf.js', import.meta.url));

/** A home that is not there, and must not be made: nothing that is started here has to write anything to it. */
export const noHome = join(tmpdir(), 'dcf-no-such-home');

export interface Finished {
  code: number | null;
  stdout: string;
  output: Buffer;
  stderr: string;
}

export interface RunOptions {
  cwd?: string;
  env?: Readonly<Record<string, string>>;
  input?: string | Uint8Array;
  /** Leaves stdin open. */
  keepsStdin?: boolean;
}

/** Starts `dcf` as a user would, with no config file and none of the tester's own variables. */
export function start(
  args: readonly string[],
  { cwd, env = {}, input, keepsStdin = false }: RunOptions = {},
): ChildProcessWithoutNullStreams {
  const environment = { PATH: process.env['PATH'], HOME: noHome, XDG_CONFIG_HOME: noHome, TMPDIR: tmpdir(), ...env };
  const child = spawn(process.execPath, [main, ...args], { cwd, env: environment });
  child.stdin.on('error', () => undefined);
  if (!keepsStdin) child.stdin.end(input);
  return child;
}

/** Waits until a started `dcf` has ended. */
export async function finish(child: ChildProcessWithoutNullStreams): Promise<Finished> {
  const [output, errors, [code]] = await Promise.all([buffer(child.stdout), buffer(child.stderr), once(child, 'close')]);
  return { code: typeof code === 'number' ? code : null, stdout: output.toString(), output, stderr: errors.toString() };
}

/** Runs `dcf` to its end. */
export async function dcf(args: readonly string[], options?: RunOptions): Promise<Finished> {
  return await finish(start(args, options));
}

/** An address where nobody listens. */
export async function deadUrl(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `127.0.0.1:${address.port}`;
}
