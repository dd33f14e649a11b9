import { AssertionError } from 'node:assert';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestDaemon } from '../daemon.js';
import { mistakesIn } from '../mistakes.js';
import { isAlive } from '../processes.js';
import { bystanderName } from './bystander.js';
import type { FaultClient } from './fault-client.js';
import type { DaemonScene, Scene } from './scene.js';
import { type Usage, usageOf } from './usage.js';

/** How much more resident memory a daemon may have after a fault: what V8 has not collected yet. */
export const defaultMemoryGrowth = 100 * 2 ** 20;
/** How long descriptors, processes and memory may take to come back. */
export const defaultSettleMs = 15_000;

export interface PlaySettings {
  /** Bytes that resident memory may grow by. */
  memoryGrowth?: number;
  settleMs?: number;
  /** The daemon's --max-bytes-in-flight and --max-payload: after each row, all of that has to be free again. */
  limits: Limits;
}

/** In bytes. The first is a multiple of the second. */
export interface Limits {
  bytesInFlight: number;
  payload: number;
  /** Nothing is made of calls that need all of it; where that would take too long. */
  unprobed?: boolean;
}

/** Plays one row without a daemon that must survive it. Throws with everything that is wrong. */
export async function playAlone(scene: Scene, play: () => Promise<void>): Promise<void> {
  const problems: string[] = [];
  const failed = await attempt(play);
  problems.push(...(await scene.cleanUp()), ...scene.ledger.problems());
  scene.ledger.close();
  conclude(failed, problems);
}

/**
 * Plays one row: before, what the daemon holds is noted; meanwhile another function is called; afterwards every check of the
 * fault matrix is made, whatever the row itself has seen. Throws with everything that is wrong.
 */
export async function playRow(
  scene: DaemonScene,
  before: Usage,
  probe: FaultClient,
  settings: PlaySettings,
  play: () => Promise<void>,
): Promise<void> {
  const { daemon, ledger, bystander } = scene;
  const failed = await attempt(play);
  const problems = [...(await bystander.stop()), ...(await scene.cleanUp()), ...(await daemonProblems(daemon))];
  // Nothing more is to be said of a daemon that is gone.
  if (isAlive(daemon.pid)) {
    problems.push(...(await idleProblems(daemon)), ...(await budgetProblems(probe, settings.limits)));
    problems.push(...(await usageProblems(daemon, before, settings)));
  }
  problems.push(...ledger.problems());
  ledger.close();
  scene.note(`${bystander.calls} calls to another function meanwhile, the slowest took ${bystander.slowestMs.toFixed(1)} ms`);
  conclude(failed, problems);
}

async function attempt(play: () => Promise<void>): Promise<{ error: unknown } | undefined> {
  try {
    await play();
    return undefined;
  } catch (error) {
    return { error };
  }
}

function conclude(failed: { error: unknown } | undefined, problems: readonly string[]): void {
  if (problems.length === 0) {
    if (failed !== undefined) throw failed.error;
    return;
  }
  const message = problems.map((problem) => `- ${problem}`).join('\n');
  if (failed === undefined) throw new AssertionError({ message });
  throw new AggregateError([failed.error], `the row failed, and then:\n${message}\nthe row: ${String(failed.error)}`);
}

async function daemonProblems(daemon: TestDaemon): Promise<string[]> {
  const problems = mistakesIn(daemon.log()).map((line) => `the daemon logged: ${line}`);
  try {
    const { pid } = await daemon.control.info();
    if (pid !== daemon.pid) problems.push(`the daemon has the process id ${pid}; it was ${daemon.pid}`);
  } catch (error) {
    problems.push(`the daemon does not answer: ${error instanceof Error ? error.message : String(error)}\n${daemon.log()}`);
  }
  return problems;
}

/** Every slot is free again, and every queue empty. */
async function idleProblems(daemon: TestDaemon): Promise<string[]> {
  const problems: string[] = [];
  for (const { name } of await daemon.control.list()) {
    const { running, queued } = await daemon.control.describe(name);
    if (running + queued > 0) problems.push(`${name} still runs ${running} calls and queues ${queued}`);
  }
  return problems;
}

/** All bytes that may be in flight are free again: calls that need every one of them are taken. */
async function budgetProblems(probe: FaultClient, { bytesInFlight, payload, unprobed = false }: Limits): Promise<string[]> {
  if (unprobed) return [];
  const input = Buffer.alloc(payload);
  const calls = Array.from({ length: bytesInFlight / payload }, () => probe.invoke(bystanderName, input, { timeoutMs: 30_000 }));
  const refused = (await Promise.all(calls)).find(({ code, output }) => code !== 'OK' || output.length !== payload);
  return refused === undefined ? [] : [`calls that need the whole of --max-bytes-in-flight are ${refused.code}: ${refused.details}`];
}

/** Waits until the daemon holds no more than before; what is left in the end is a problem. */
async function usageProblems(daemon: TestDaemon, before: Usage, settings: PlaySettings): Promise<string[]> {
  const { memoryGrowth = defaultMemoryGrowth, settleMs = defaultSettleMs } = settings;
  const until = Date.now() + settleMs;
  for (;;) {
    const now = usageOf(daemon.pid, daemon.data);
    const problems: string[] = [];
    const grown = now.memory - before.memory;
    if (now.descriptors > before.descriptors) problems.push(`${now.descriptors} descriptors are open; there were ${before.descriptors}`);
    const left = now.processes.filter((pid) => !before.processes.includes(pid));
    if (now.processes.length > before.processes.length) problems.push(`processes are left: ${left.join(', ')}`);
    if (grown > memoryGrowth) problems.push(`resident memory grew by ${mebibytes(grown)}; allowed are ${mebibytes(memoryGrowth)}`);
    if (problems.length === 0 || Date.now() > until) return problems;
    await sleep(25);
  }
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
