import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { startTimer } from '../core/deadline.js';
import { cutText, DcfError, messageOf } from '../core/errors.js';
import { formatDuration } from '../core/units.js';

export interface NpmOptions {
  directory: string;
  onOutput: (line: string) => void;
  signal: AbortSignal;
  timeLimitMs: number;
}

/**
 * What npm, and the install scripts of packages, may see of the daemon's environment: what finds programs, registries and
 * compilers, and nothing that could be a secret.
 */
const passedOn =
  /^(PATH|HOME|USER|LANG|LC_.*|TZ|TMPDIR|LD_LIBRARY_PATH|XDG_.*|CUDA_.*|CC|CXX|CFLAGS|CXXFLAGS|LDFLAGS|PYTHON|SSL_CERT_.*|NODE_EXTRA_CA_CERTS|(https?|no)_proxy|npm_config_.*)$/i;
const secret = /auth|token|password|secret|otp/i;

const installArguments = ['ci', '--omit=dev', '--no-audit', '--no-fund', '--loglevel=notice', '--no-update-notifier', '--no-progress'];
const maxLineBytes = 4096;
const shownLines = 20;

/**
 * Runs `npm ci` in a folder that has package.json and a lock file.
 *
 * @throws DcfError FAILED_PRECONDITION with npm's last lines when it fails or takes too long, CANCELLED when `signal` aborts
 */
export async function runNpmCi({ directory, onOutput, signal, timeLimitMs }: NpmOptions): Promise<void> {
  const last: string[] = [];
  const child = await start(directory);
  const lines = [child.stdout, child.stderr].map((stream) => {
    return createInterface({ input: stream }).on('line', (line) => {
      const text = cutText(line, maxLineBytes);
      last.push(text);
      if (last.length > shownLines) last.shift();
      onOutput(text);
    });
  });
  let late = false;
  const kill = (): void => killGroup(child.pid);
  const cancelTimer = startTimer(timeLimitMs, () => {
    late = true;
    kill();
  });
  signal.addEventListener('abort', kill);
  if (signal.aborted) kill();
  // What a script left running in the background would hold the pipes open.
  child.once('exit', kill);
  const closed = once(child, 'close');
  await Promise.all(lines.map((reader) => once(reader, 'close')));
  const [code, ended]: unknown[] = await closed;
  cancelTimer();
  signal.removeEventListener('abort', kill);
  if (code === 0) return;
  if (signal.aborted) throw new DcfError('CANCELLED', 'installing the dependencies was cancelled');
  const reason = late
    ? `took longer than ${formatDuration(timeLimitMs)}`
    : `ended with ${code === null ? String(ended) : `exit code ${String(code)}`}`;
  throw new DcfError('FAILED_PRECONDITION', [`the dependencies cannot be installed: npm ci ${reason}`, ...last].join('\n'));
}

async function start(directory: string): Promise<ChildProcessByStdio<null, Readable, Readable>> {
  const [file = '', ...before] = await findNpm();
  // A group of its own, so that a kill takes the install scripts along.
  const child = spawn(file, [...before, ...installArguments], {
    cwd: directory,
    env: npmEnvironment(process.env),
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  try {
    await once(child, 'spawn');
  } catch (error) {
    throw new DcfError('FAILED_PRECONDITION', `the dependencies cannot be installed: npm could not be started: ${messageOf(error)}`);
  }
  return child;
}

/** The npm that came with this Node, or the one on the PATH. */
async function findNpm(): Promise<string[]> {
  const folder = dirname(process.execPath);
  for (const modules of [join(folder, '..', 'lib', 'node_modules'), join(folder, 'node_modules')]) {
    const script = join(modules, 'npm', 'bin', 'npm-cli.js');
    try {
      await access(script);
      return [process.execPath, script];
    } catch {
      // The next place.
    }
  }
  return ['npm'];
}

/** The environment of npm, made of the daemon's. */
export function npmEnvironment(daemon: NodeJS.ProcessEnv): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(daemon)) {
    if (value !== undefined && passedOn.test(name) && !secret.test(name)) environment[name] = value;
  }
  return {
    ...environment,
    // Install scripts call "node": it is to be the one that will load what they build.
    PATH: [dirname(process.execPath), environment['PATH'] ?? ''].join(delimiter),
    // Its install script downloads a provider library, and fails the whole install where it cannot.
    ONNXRUNTIME_NODE_INSTALL: 'skip',
    npm_config_onnxruntime_node_install: 'skip',
  };
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // All of it has ended already.
  }
}
