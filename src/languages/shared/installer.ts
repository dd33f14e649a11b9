import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { type Readable, Transform, type TransformCallback } from 'node:stream';
import { formatDuration } from '@dcf/sdk/units';
import { startTimer } from '../../core/deadline.js';
import { cutText, DcfError, messageOf } from '../../core/errors.js';

/** The options of an installer's run. */
export interface InstallerRun {
  /** Called with each line that the installer prints. */
  onOutput: (line: string) => void;
  /** Kills the installer. */
  signal: AbortSignal;
  /** Milliseconds after which the installer is killed. */
  timeLimitMs: number;
}

/** An installer, and where it runs. */
export interface Installer {
  /** Its name in messages, such as `npm ci`. */
  name: string;
  command: readonly string[];
  directory: string;
  environment: Readonly<Record<string, string>>;
}

/**
 * The variables that an installer, and the install scripts of packages, get from the daemon's environment: those by which they find
 * programs, registries and compilers. Names that look like a secret's are left out (`secret`).
 */
const passedOn =
  /^(PATH|HOME|USER|LANG|LC_.*|TZ|TMPDIR|LD_LIBRARY_PATH|XDG_.*|CUDA_.*|CC|CXX|CFLAGS|CXXFLAGS|LDFLAGS|PYTHON|SSL_CERT_.*|NODE_EXTRA_CA_CERTS|(https?|no)_proxy|npm_config_.*|PIP_.*|UV_.*)$/i;
const secret = /auth|token|password|secret|otp/i;
const maxLineBytes = 4096;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
/** How many of the last lines an error shows. */
const shownLines = 20;
/** Time from an installer's end to the end of its output. A background process that left its process group may keep the pipes open. */
const outputGraceMs = 1_000;

/** The error for dependencies that cannot be installed. */
export function refuse(problem: string): DcfError {
  return new DcfError('FAILED_PRECONDITION', `the dependencies cannot be installed: ${problem}`);
}

/** The part of the daemon's environment that an installer gets. */
export function installerEnvironment(daemon: NodeJS.ProcessEnv): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(daemon)) {
    if (value !== undefined && passedOn.test(name) && !secret.test(name)) environment[name] = value;
  }
  return environment;
}

/**
 * Runs an installer until it ends. Processes that it leaves in its process group are killed.
 *
 * @throws DcfError FAILED_PRECONDITION with its last lines when it fails or takes too long, CANCELLED when `signal` aborts
 */
export async function runInstaller(installer: Installer, { onOutput, signal, timeLimitMs }: InstallerRun): Promise<void> {
  const last: string[] = [];
  const child = await start(installer);
  const lines = [child.stdout, child.stderr].map((stream) => {
    return createInterface({ input: stream.pipe(new LineLimit()) }).on('line', (line) => {
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
  let cancelGrace = (): void => undefined;
  child.once('exit', () => {
    // Background processes would keep the pipes open.
    kill();
    cancelGrace = startTimer(outputGraceMs, () => {
      for (const reader of lines) reader.close();
      child.stdout.destroy();
      child.stderr.destroy();
    });
  });
  const closed = once(child, 'close');
  await Promise.all(lines.map((reader) => once(reader, 'close')));
  const [code, ended]: unknown[] = await closed;
  cancelGrace();
  cancelTimer();
  signal.removeEventListener('abort', kill);
  if (code === 0) return;
  if (signal.aborted) throw new DcfError('CANCELLED', 'installing the dependencies was cancelled');
  const reason = late
    ? `took longer than ${formatDuration(timeLimitMs)}`
    : `ended with ${code === null ? String(ended) : `exit code ${String(code)}`}`;
  throw refuse([`${installer.name} ${reason}`, ...last].join('\n'));
}

/** Drops what a line has beyond `maxLineBytes`, so that a program that prints without line breaks fills no memory. */
class LineLimit extends Transform {
  private lineBytes = 0;

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    let kept = 0;
    for (const byte of chunk) {
      this.lineBytes = byte === lineFeed || byte === carriageReturn ? 0 : this.lineBytes + 1;
      // One byte more than is shown, so that the reader sees that the line was longer.
      if (this.lineBytes > maxLineBytes + 1) continue;
      chunk[kept] = byte;
      kept += 1;
    }
    done(null, chunk.subarray(0, kept));
  }
}

async function start({ name, command, directory, environment }: Installer): Promise<ChildProcessByStdio<null, Readable, Readable>> {
  const [file = '', ...argv] = command;
  // A process group of its own, so that a kill reaches the install scripts, too.
  const child = spawn(file, argv, { cwd: directory, env: environment, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    await once(child, 'spawn');
  } catch (error) {
    throw refuse(`${name} could not be started: ${messageOf(error)}`);
  }
  return child;
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The process group is empty.
  }
}
