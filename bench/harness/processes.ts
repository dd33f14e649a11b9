import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { delimiter, dirname } from 'node:path';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { DcfError } from '@dcf/sdk/errors';
import type { Scope } from './scope.js';

/** A process that said it is ready. */
export interface ReadyProcess {
  pid: number;
  /** What it wrote on stdout, up to the line that said so. */
  lines: readonly string[];
  /** Milliseconds from its start to that line. */
  readyMs: number;
}

const killAfterMs = 15_000;

/**
 * Starts a program that ends with the scope, and resolves when it writes the line that `isReady` knows.
 *
 * @param name - for messages
 * @param program - the program's file, which has to be executable
 * @param environment - variables beside this process's own
 * @throws DcfError UNAVAILABLE when it ends before; its stderr is this process's own
 */
export async function startProcess(
  scope: Scope,
  name: string,
  [program, ...argv]: readonly [string, ...string[]],
  isReady: (line: string) => boolean,
  environment: Readonly<Record<string, string>> = {},
): Promise<ReadyProcess> {
  scope.signal.throwIfAborted();
  const started = performance.now();
  const child = spawn(program, argv, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...plainEnvironment(), ...environment } });
  scope.defer(() => end(child));
  const lines: string[] = [];
  let readyMs: number | undefined;
  for await (const line of createInterface({ input: child.stdout, signal: scope.signal })) {
    lines.push(line);
    if (!isReady(line)) continue;
    readyMs = performance.now() - started;
    break;
  }
  scope.signal.throwIfAborted();
  if (readyMs === undefined) throw new DcfError('UNAVAILABLE', `${name} ended before it was ready; what it said on stderr stands above`);
  // The reader of lines has paused it, and a full pipe would hold the process up.
  child.stdout.resume();
  return { pid: child.pid ?? 0, lines, readyMs };
}

/**
 * Runs a Node program to its end, quietly. Resolves with what it wrote on stdout.
 *
 * @throws DcfError INTERNAL with what it wrote on stderr when it fails
 */
export async function runProcess(
  scope: Scope,
  name: string,
  argv: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<string> {
  scope.signal.throwIfAborted();
  const env = { ...plainEnvironment(), ...environment };
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'], env });
  scope.defer(() => end(child));
  const stop = (): unknown => child.kill();
  scope.signal.addEventListener('abort', stop);
  const closed = once(child, 'close');
  const [stdout, stderr] = await Promise.all([readText(child.stdout), readText(child.stderr), closed]);
  scope.signal.removeEventListener('abort', stop);
  scope.signal.throwIfAborted();
  if (child.exitCode !== 0) throw new DcfError('INTERNAL', `${name} exited with ${child.exitCode ?? child.signalCode}: ${stderr.trim()}`);
  return stdout;
}

/** This process's environment, without what would set up a daemon or the command line otherwise than by default. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('DCF_')));
  // The daemon is started by its first line, which looks for node on the path: that has to be this one.
  return { ...environment, PATH: `${dirname(process.execPath)}${delimiter}${environment['PATH'] ?? ''}` };
}

async function readText(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += chunk.toString();
  return text;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  const timer = setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  child.kill('SIGTERM');
  await exit;
  clearTimeout(timer);
}
