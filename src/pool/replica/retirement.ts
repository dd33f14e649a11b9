import { formatSize } from '@dcf/sdk/units';
import type { MemoryUse } from '../../process/memory-watch.js';
import type { ReplicaSpec } from './replica-spec.js';

/** Why a replica that still works should be replaced. After a fault, unlike after recycling, its replacement waits for the back-off. */
export interface Retirement {
  kind: 'fault' | 'recycle';
  why: string;
}

/** Why a replica has to be recycled; `undefined` while it is below the limits of the manifest's `recycle`. */
export function recyclingDue(
  { maxCalls, maxMemory }: ReplicaSpec['recycle'],
  replica: { readonly calls: number; readonly memory: MemoryUse },
): Retirement | undefined {
  if (maxCalls !== undefined && replica.calls >= maxCalls)
    return { kind: 'recycle', why: `it has had ${maxCalls} calls (recycle.maxCalls)` };
  if (maxMemory === undefined) return undefined;
  const { rss } = replica.memory;
  if (rss < maxMemory) return undefined;
  return { kind: 'recycle', why: `it uses ${formatSize(rss)} of memory, and recycle.maxMemory is ${formatSize(maxMemory)}` };
}
