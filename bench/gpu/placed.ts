import type { ControlClient } from '@dcf/sdk/control';
import { type CardMemory, readCardMemory, readProcessTable } from './nvidia.js';

/** Where a function runs, as the daemon says it and as the driver says it. */
export interface Placement extends Record<string, unknown> {
  /** What `describe` names for the workers. */
  providers: readonly string[];
  replicas: readonly { pid: number; devices: readonly string[]; cardMiB: number | undefined }[];
  /** Whether the driver knows the replicas' processes exactly when the provider uses the card; `undefined` where it does not tell. */
  confirmed: boolean | undefined;
}

/** Compares what `describe` says of a function with what nvidia-smi says of its processes. */
export async function readPlacement(control: ControlClient, name: string, onCard: boolean, signal: AbortSignal): Promise<Placement> {
  const { replicas } = await control.describe(name, { signal });
  const providers = [...new Set(replicas.flatMap(({ workers }) => workers.flatMap((worker) => worker.providers)))];
  const memory = await readCardMemory();
  const table = memory === undefined ? [] : await readProcessTable();
  const found = replicas.map(({ pid, devices }) => ({ pid, devices, cardMiB: heldBy(pid, memory, table) }));
  const confirmed = memory === undefined ? undefined : found.every(({ cardMiB }) => (cardMiB !== undefined) === onCard);
  return { providers, replicas: found, confirmed };
}

/** MiB of the card that a process holds; `undefined` when the driver does not name the process. */
export function heldBy(pid: number, memory: CardMemory | undefined, table: readonly string[]): number | undefined {
  const held = memory?.byProcess[String(pid)];
  if (held !== undefined) return held;
  // gpu, pid, type, frame buffer in MiB, …
  const fields = table.map((line) => line.trim().split(/\s+/)).find(([, each]) => each === String(pid));
  return fields === undefined ? undefined : Number(fields[3]) || 0;
}
