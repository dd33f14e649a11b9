import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { cleanUp, type Owner } from '../cleanup.js';
import { cleanEnvironment } from '../programs.js';

export interface ToolResult {
  /** Its exit code; `null` when a signal ended it. */
  code: number | null;
  out: string;
  errors: string;
}

/** A program that was started, and what it has written on stdout so far. */
export interface RunningTool {
  out: () => string;
  /** Resolves when it has ended. */
  result: Promise<ToolResult>;
  stop: () => void;
}

/** Nothing that is tried here takes as long on a busy machine; then it is killed. */
const longestMs = 300_000;

/** Starts a program that others wrote. It is killed when its owner ends, and after five minutes. */
export function startTool(owner: Owner, program: string, args: readonly string[]): RunningTool {
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: cleanEnvironment(),
    timeout: longestMs,
    killSignal: 'SIGKILL',
  });
  let soFar = '';
  child.stdout.setEncoding('utf8').on('data', (data: string) => {
    soFar += data;
  });
  const result = Promise.all([text(child.stderr), once(child, 'close')]).then(([errors]) => ({ code: child.exitCode, out: soFar, errors }));
  cleanUp(owner, async () => {
    child.kill('SIGKILL');
    await result;
  });
  return { out: () => soFar, result, stop: () => void child.kill() };
}

/** Runs a program that others wrote to its end. */
export async function runTool(owner: Owner, program: string, args: readonly string[]): Promise<ToolResult> {
  return await startTool(owner, program, args).result;
}
