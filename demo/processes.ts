import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const built = fileURLToPath(new URL('../src/', import.meta.url));

/** A daemon of its own, with an empty data directory that goes when it stops. */
export interface DaemonProcess {
  url: string;
  pid: number;
  startMs: number;
  stop: () => Promise<void>;
}

/** Starts dcfd on any free port and resolves when it is ready. Throws with its log when it does not start. */
export async function startDaemon(): Promise<DaemonProcess> {
  const data = await mkdtemp(join(tmpdir(), 'dcf-demo-'));
  const started = performance.now();
  const child = spawn(
    process.execPath,
    [join(built, 'daemon/main.js'), '--data', data, '--grpc', '127.0.0.1:0', '--http', 'off', '--log-level', 'warn'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const stop = async (): Promise<void> => {
    await ended(child, () => child.kill('SIGTERM'));
    await rm(data, { recursive: true, force: true });
  };
  let url: string | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    url ??= /listens on (\S+)/.exec(line)?.[1];
    if (url !== undefined && line === 'dcfd is ready') {
      child.stdout.resume();
      return { url, pid: child.pid ?? 0, startMs: performance.now() - started, stop };
    }
  }
  await stop();
  throw new Error('dcfd did not start; what it wrote stands above');
}

/** Runs a `dcf` command with its output on this terminal. Resolves with its milliseconds; throws when it fails. */
export async function runCommand(argv: readonly string[], url: string): Promise<number> {
  const started = performance.now();
  const child = spawn(process.execPath, [join(built, 'bin/dcf.js'), ...argv], { stdio: 'inherit', env: { ...process.env, DCF_URL: url } });
  const code = await ended(child);
  if (code !== 0) throw new Error(`dcf ${argv.join(' ')} exited with ${code}`);
  return performance.now() - started;
}

async function ended(child: ChildProcess, end?: () => void): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const exit = once(child, 'exit');
  end?.();
  await exit;
  return child.exitCode;
}
