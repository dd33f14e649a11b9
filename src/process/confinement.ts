import { DcfError, messageOf } from '../core/errors.js';
import { type CgroupSupport, cgroupPlaces, createCgroup, findCgroups, type MemoryCgroup } from './memory-cgroup.js';

/** How a replica is kept apart from the rest of the host. */
export type Isolation =
  /** A process like any other of the daemon's user. */
  | { kind: 'process' }
  | {
      kind: 'sandbox';
      network: boolean;
      /** Whether it can use the devices of GPUs. */
      gpu: boolean;
      /** Absolute paths of files and folders that it can read besides its revision's. */
      readOnly: readonly string[];
    };

/** What a replica's process may see and use. */
export interface Confinement {
  isolation: Isolation;
  /** The most bytes that it and its children may have in memory together; `undefined`: no limit. */
  memoryLimit: number | undefined;
  /** Path of the control group that the operator gave to the daemon. */
  cgroup: string | undefined;
}

/** What enforces a replica's memory limit: the kernel, or the daemon, which reads its memory four times a second. */
export type MemoryGuard = 'cgroup v1' | 'cgroup v2' | 'watch';

const known = new Map<string | undefined, CgroupSupport>();

/** Whether control groups can be used. It is tried once for each name. @param named - the operator's group; `undefined`: look for one */
export function cgroupSupport(named: string | undefined): CgroupSupport {
  const support = known.get(named) ?? findCgroups(cgroupPlaces(named));
  known.set(named, support);
  return support;
}

/**
 * Makes a control group for one replica; `undefined` when the replica has no limit, or when this host has no usable group and the
 * daemon has to watch the memory itself.
 *
 * @throws DcfError FAILED_PRECONDITION when the operator named a group that cannot be used: the daemon's watch is no replacement then
 */
export function openCgroup({ memoryLimit, cgroup }: Confinement): MemoryCgroup | undefined {
  if (memoryLimit === undefined) return undefined;
  const support = cgroupSupport(cgroup);
  if (!support.usable) {
    if (cgroup === undefined) return undefined;
    throw new DcfError('FAILED_PRECONDITION', `limits.memory cannot be enforced: ${support.reason}`);
  }
  try {
    return createCgroup(support, memoryLimit);
  } catch (error) {
    throw new DcfError('FAILED_PRECONDITION', `limits.memory cannot be enforced in ${support.parent}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
