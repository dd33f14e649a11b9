import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/** Where the built programs are: `dist/src`. */
export const built = fileURLToPath(new URL('../../src/', import.meta.url));
/** The top of the checkout. */
export const root = fileURLToPath(new URL('../../../', import.meta.url));

export interface CliSettings {
  /** The daemon; none where nobody is to be named. */
  url?: string;
  input?: string | Uint8Array;
  directory?: string;
  environment?: Readonly<Record<string, string>>;
}

export interface CliResult {
  code: number | null;
  stdout: string;
  bytes: Buffer;
  stderr: string;
}

/** This process's environment without what would name a daemon, a token or a config file. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('DCF_') && name !== 'NODE_OPTIONS' && !name.startsWith('NODE_TEST'),
  );
  return { ...Object.fromEntries(kept), XDG_CONFIG_HOME: '/nonexistent' };
}

/** Starts the command `dcf` in a process of its own. */
export function spawnCli(args: readonly string[], settings: CliSettings = {}) {
  const { url, directory, environment } = settings;
  return spawn(process.execPath, [join(built, 'bin/dcf.js'), ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...cleanEnvironment(), ...(url === undefined ? {} : { DCF_URL: url }), ...environment },
    ...(directory === undefined ? {} : { cwd: directory }),
  });
}

/** Runs `dcf` to its end. */
export async function runCli(args: readonly string[], settings: CliSettings = {}): Promise<CliResult> {
  const child = spawnCli(args, settings);
  // A command that reads no input may be gone before it is written.
  child.stdin.on('error', () => undefined);
  child.stdin.end(settings.input ?? '');
  const [bytes, stderr] = await Promise.all([buffer(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: child.exitCode, stdout: bytes.toString('utf8'), bytes, stderr };
}
