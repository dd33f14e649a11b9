import { formatSize } from '@dcf/sdk/units';
import type { MemoryUse } from '../../process/memory-watch.js';
import type { ReplicaSpec } from './replica-spec.js';

/** Why a replica that still works is to be replaced. A fault, unlike old age, is followed by a pause. */
export interface Retirement {
  kind: 'fault' | 'recycle';
  why: string;
}

/** Whether a replica has done as much as its manifest lets one do. */
export function recyclingDue(
  { maxCalls, maxMemory }: ReplicaSpec['recycle'],
  replica: { readonly calls: number; readonly memory: MemoryUse },
): Retirement | undefined {
  if (maxCalls !== undefined && replica.calls >= maxCalls) return { kind: 'recycle', why: `it has had ${maxCalls} calls` };
  if (maxMemory === undefined) return undefined;
  const { rss } = replica.memory;
  return rss >= maxMemory ? { kind: 'recycle', why: `it uses ${formatSize(rss)}` } : undefined;
}
