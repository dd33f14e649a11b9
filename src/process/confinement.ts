import { DcfError, messageOf } from '../core/errors.js';
import { type CgroupSupport, cgroupPlaces, createCgroup, findCgroups, type MemoryCgroup } from './memory-cgroup.js';

/** How a replica is kept apart from the rest of the host. */
export type Isolation =
  /** A process as any other of the daemon's user. */
  | { kind: 'process' }
  | {
      kind: 'sandbox';
      network: boolean;
      /** Whether it gets the devices of GPUs. */
      gpu: boolean;
      /** Files and folders beside its revision's that it can read, absolute. */
      readOnly: readonly string[];
    };

/** What a replica's process may see and use. */
export interface Confinement {
  isolation: Isolation;
  /** Bytes that it and its children may have in memory together; `undefined`: as much as there is. */
  memoryLimit: number | undefined;
  /** A control group that the operator gave to the daemon. */
  cgroup: string | undefined;
}

/** What holds a replica to its memory limit: the kernel, or the daemon, which looks four times a second. */
export type MemoryGuard = 'cgroup v1' | 'cgroup v2' | 'watch';

const known: { named: string | undefined; support: CgroupSupport }[] = [];

/** Whether control groups can be had. It is tried once for each name. */
export function cgroupSupport(named: string | undefined): CgroupSupport {
  const found = known.find((entry) => entry.named === named);
  if (found !== undefined) return found.support;
  const support = findCgroups(cgroupPlaces(named));
  known.push({ named, support });
  return support;
}

/**
 * A control group for one replica; `undefined` when it has no limit or this host has no group to divide, and the daemon
 * has to watch it.
 *
 * @throws DcfError FAILED_PRECONDITION when the operator named a group that cannot be used: then the daemon's watch is not enough
 */
export function openCgroup({ memoryLimit, cgroup }: Confinement): MemoryCgroup | undefined {
  if (memoryLimit === undefined) return undefined;
  const support = cgroupSupport(cgroup);
  if (!support.usable) {
    if (cgroup === undefined) return undefined;
    throw new DcfError('FAILED_PRECONDITION', `limits.memory cannot be put in force: ${support.reason}`);
  }
  try {
    return createCgroup(support, memoryLimit);
  } catch (error) {
    throw new DcfError('FAILED_PRECONDITION', `limits.memory cannot be put in force in ${support.parent}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

const mebibyte = 2 ** 20;
/** What a Node process has in memory beside its old generation: its code, its young generation, its threads' stacks. */
const besideHeapMiB = 96;

/**
 * V8's limit of each worker's heap, in MiB: low enough that a leak of objects ends with V8's own words about it before the
 * whole process is over its limit.
 */
export function heapLimit(memoryLimit: number, workers: number): number {
  const total = memoryLimit / mebibyte;
  const heaps = Math.max(total / 4, (total - besideHeapMiB) * 0.9);
  return Math.max(8, Math.floor(heaps / workers));
}
