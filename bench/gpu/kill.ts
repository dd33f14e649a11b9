import { existsSync, readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@dcf/sdk';
import type { ControlClient } from '@dcf/sdk/control';
import { DcfError } from '@dcf/sdk/errors';
import { readCardMemory } from './nvidia.js';

/** What happens after a replica that holds memory was killed; milliseconds from the signal. */
export interface KillFigures extends Record<string, unknown> {
  pid: number;
  goneMs: number;
  /** Until the driver no longer names the process; `undefined` where it never did. */
  freeMs: number | undefined;
  /** Until the function answered again. */
  answerMs: number;
  heldMiB: number | undefined;
  /** MiB in use on the cards: before, and at each look after it. */
  usedMiB: readonly (readonly [ms: number, usedMiB: number])[];
}

/** How long the driver is watched at the least, and at the most. */
const watchMs = { least: 3000, most: 20_000 };

/** Kills the one replica of a function with SIGKILL, and watches its memory on the card and the function come back. */
export async function killReplica(
  { client, control }: { client: Client; control: ControlClient },
  { name, input, signal }: { name: string; input: Uint8Array; signal: AbortSignal },
): Promise<KillFigures> {
  const pid = (await control.describe(name, { signal })).replicas[0]?.pid;
  if (pid === undefined) throw new DcfError('INTERNAL', `${name} has no replica to kill`);
  const before = await readCardMemory();
  const heldMiB = before?.byProcess[String(pid)];
  const begun = performance.now();
  const since = (): number => Math.round(performance.now() - begun);
  process.kill(pid, 'SIGKILL');
  const [goneMs, card, answerMs] = await Promise.all([
    untilGone(pid, since, signal),
    before === undefined ? undefined : watchCard(pid, since, signal),
    untilAnswer(client, name, input, since, signal),
  ]);
  const usedMiB = before === undefined ? [] : [[0, before.usedMiB] as const, ...(card?.used ?? [])];
  return { pid, goneMs, freeMs: heldMiB === undefined ? undefined : card?.freeMs, answerMs, heldMiB, usedMiB };
}

async function untilGone(pid: number, since: () => number, signal: AbortSignal): Promise<number> {
  while (isThere(pid)) await sleep(2, undefined, { signal });
  return since();
}

/** A process that was killed and not yet waited for has no memory any more. */
function isThere(pid: number): boolean {
  if (!existsSync(`/proc/${pid}`)) return false;
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function watchCard(pid: number, since: () => number, signal: AbortSignal) {
  const used: (readonly [number, number])[] = [];
  let freeMs: number | undefined;
  while (since() < watchMs.most && (freeMs === undefined || since() < watchMs.least)) {
    const now = await readCardMemory();
    if (now === undefined) break;
    used.push([since(), now.usedMiB]);
    if (freeMs === undefined && now.byProcess[String(pid)] === undefined) freeMs = since();
    await sleep(20, undefined, { signal });
  }
  return { used, freeMs };
}

async function untilAnswer(client: Client, name: string, input: Uint8Array, since: () => number, signal: AbortSignal): Promise<number> {
  for (;;) {
    try {
      await client.invoke(name, input, { signal, timeout: '60s' });
      return since();
    } catch (error) {
      signal.throwIfAborted();
      // The call that the replica had died with it, or came before another one was there.
      if (!DcfError.is(error) || since() > 60_000) throw error;
      await sleep(10, undefined, { signal });
    }
  }
}
