import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { errorCode, messageOf } from '../core/errors.js';

export type CgroupVersion = 'v1' | 'v2';

/** The group in which control groups for replicas can be made, or why there is none. */
export type CgroupSupport = { usable: true; version: CgroupVersion; parent: string } | { usable: false; reason: string };

/** The control group of one replica. */
export interface MemoryCgroup {
  version: CgroupVersion;
  /** Put in front of a command, this makes it join the group before its first instruction runs. */
  enter: readonly string[];
  /** Whether the kernel ended a process of the group for its memory. */
  outOfMemory(): boolean;
  /** Removes the group once it is empty. Gives up without an error after five seconds: the next start of the daemon tries again. */
  remove(): Promise<void>;
}

export interface CgroupPlaces {
  /** Path of the group that the operator gave to the daemon. */
  named: string | undefined;
  /** Where the hierarchies are mounted. */
  root: string;
  /** The text of /proc/self/cgroup; empty where there are none. */
  own: string;
  uid: number;
}

const prefix = 'dcf-';
/** The name of a group that systemd made for a unit; the group above such a one belongs to systemd. */
const systemdUnit = /\.(service|scope|slice)$/;
const removalTries = 50;
const removalPauseMs = 100;

/** File names in the two versions. https://docs.kernel.org/admin-guide/cgroup-v2.html and /admin-guide/cgroup-v1/memory.html */
const files = {
  v1: { limit: 'memory.limit_in_bytes', swap: 'memory.memsw.limit_in_bytes', events: 'memory.oom_control' },
  v2: { limit: 'memory.max', swap: 'memory.swap.max', events: 'memory.events' },
} as const;

let lastGroup = 0;

/** Describes this process for `findCgroups`. */
export function cgroupPlaces(named: string | undefined): CgroupPlaces {
  return { named, root: '/sys/fs/cgroup', own: readText('/proc/self/cgroup') ?? '', uid: process.getuid?.() ?? 0 };
}

/**
 * Looks for a group in which this daemon may make groups: the one that the operator names, or one that belongs to the daemon's
 * user. That is the daemon's own group, or the group above when systemd's `DelegateSubgroup=` put the daemon one level deeper. Root
 * could write to any group, but others manage those: root uses only a group that was named. https://systemd.io/CGROUP_DELEGATION/
 */
export function findCgroups(places: CgroupPlaces): CgroupSupport {
  const { named, uid } = places;
  if (named !== undefined) return prepare(named);
  const own = ownGroup(places);
  if (own === undefined) return { usable: false, reason: 'this host has no memory cgroups' };
  const candidates = systemdUnit.test(basename(own)) ? [own] : [dirname(own), own];
  const delegated = candidates.filter((path) => uid !== 0 && belongsTo(path, uid));
  if (delegated.length === 0) return { usable: false, reason: `the cgroup ${own} is not delegated to the daemon: name one with --cgroup` };
  const found = delegated.map(prepare);
  return found.find((support) => support.usable) ?? found.at(-1) ?? { usable: false, reason: 'no cgroup can be used' };
}

/** Makes a group that limits its processes to `limit` bytes, swap included. Throws the system's error when it cannot be made. */
export function createCgroup({ version, parent }: CgroupSupport & { usable: true }, limit: number): MemoryCgroup {
  lastGroup += 1;
  const path = join(parent, `${prefix}${process.pid}-${lastGroup}`);
  const names = files[version];
  mkdirSync(path);
  try {
    writeFileSync(join(path, names.limit), String(limit));
    if (version === 'v2') writeFileSync(join(path, 'memory.oom.group'), '1');
  } catch (error) {
    rmdirSync(path);
    throw error;
  }
  try {
    writeFileSync(join(path, names.swap), version === 'v2' ? '0' : String(limit));
  } catch {
    // This kernel does not count swap.
  }
  return {
    version,
    enter: ['/bin/sh', '-c', 'echo $$ > "$0" && exec "$@"', join(path, 'cgroup.procs')],
    outOfMemory: () => Number(/^oom_kill (\d+)$/m.exec(readText(join(path, names.events)) ?? '')?.[1] ?? 0) > 0,
    remove: () => remove(path),
  };
}

function ownGroup({ root, own }: CgroupPlaces): string | undefined {
  const lines = own.split('\n').map((line) => /^\d+:([^:]*):(.*)$/.exec(line));
  const v1 = lines.find((line) => line?.[1]?.split(',').includes('memory'))?.[2];
  if (v1 !== undefined) return join(root, 'memory', v1);
  const v2 = lines.find((line) => line?.[1] === '')?.[2];
  return v2 === undefined || !existsSync(join(root, 'cgroup.controllers')) ? undefined : join(root, v2);
}

function belongsTo(path: string, uid: number): boolean {
  return statSync(path, { throwIfNoEntry: false })?.uid === uid;
}

function prepare(parent: string): CgroupSupport {
  const refuse = (why: string): CgroupSupport => ({ usable: false, reason: `the cgroup ${parent} ${why}` });
  const controllers = readText(join(parent, 'cgroup.controllers'));
  const version = controllers === undefined ? 'v1' : 'v2';
  if (version === 'v1' && readText(join(parent, files.v1.limit)) === undefined) return refuse('is not a memory cgroup');
  if (version === 'v1' && readText(join(parent, 'memory.use_hierarchy'))?.trim() === '0')
    return refuse('does not count the memory of its children: its memory.use_hierarchy is 0');
  try {
    if (controllers !== undefined) {
      if (!words(controllers).includes('memory')) return refuse('has no memory controller: its cgroup.controllers must list memory');
      const subtree = join(parent, 'cgroup.subtree_control');
      if (!words(readText(subtree) ?? '').includes('memory')) writeFileSync(subtree, '+memory');
    }
    removeLeftovers(parent);
    const probe = join(parent, `${prefix}${process.pid}-probe`);
    mkdirSync(probe);
    rmdirSync(probe);
  } catch (error) {
    if (errorCode(error) === 'EBUSY') return refuse('contains processes, so no groups can be made in it: name one without processes');
    return refuse(`allows no groups in it: ${messageOf(error)}`);
  }
  return { usable: true, version, parent };
}

/** Removes the groups of a daemon that was killed. Groups with processes in them stay: the kernel refuses. */
function removeLeftovers(parent: string): void {
  for (const name of readdirSync(parent).filter((entry) => entry.startsWith(prefix))) {
    try {
      rmdirSync(join(parent, name));
    } catch {
      // The group belongs to another daemon.
    }
  }
}

async function remove(path: string): Promise<void> {
  for (let tries = 0; tries < removalTries; tries++) {
    try {
      rmdirSync(path);
      return;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return;
      // A killed process stays in the group until the kernel has removed it.
      await setTimeout(removalPauseMs, undefined, { ref: false });
    }
  }
}

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
