import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { type CgroupPlaces, createCgroup, findCgroups } from '../../../src/process/memory-cgroup.js';
import { temporaryDirectory } from '../../support/cleanup.js';

const uid = process.getuid?.() ?? 0;
/** Folders of a test belong to the test's user, as delegated groups belong to a daemon's. */
const delegated = uid !== 0;

async function v2(t: TestContext, path: string, controllers = 'cpu memory'): Promise<{ root: string; group: string }> {
  const root = await temporaryDirectory(t);
  const group = join(root, path);
  await mkdir(group, { recursive: true });
  await writeFile(join(root, 'cgroup.controllers'), 'cpu io memory\n');
  await writeFile(join(group, 'cgroup.controllers'), `${controllers}\n`);
  await writeFile(join(group, 'cgroup.subtree_control'), '');
  return { root, group };
}

function places(root: string, own: string, named?: string): CgroupPlaces {
  return { root, own, named, uid };
}

function reason(given: CgroupPlaces): string {
  const found = findCgroups(given);
  assert.ok(!found.usable, 'a group was found');
  return found.reason;
}

test('a group of version 2 that was named is divided, and its memory controller handed on', async (t) => {
  const { root, group } = await v2(t, 'dcf.slice');
  const found = findCgroups(places(root, '0::/elsewhere\n', group));
  assert.deepEqual(found, { usable: true, version: 'v2', parent: group });
  assert.equal(readFileSync(join(group, 'cgroup.subtree_control'), 'utf8'), '+memory');
  assert.deepEqual(
    readdirSync(group).filter((name) => name.startsWith('dcf-')),
    [],
  );
});

test('the group above the daemon’s own is used when it was delegated; never by root, who could write anywhere', async (t) => {
  const { root, group } = await v2(t, 'user.slice/dcfd.service');
  await mkdir(join(group, 'daemon'));
  const found = findCgroups(places(root, '0::/user.slice/dcfd.service/daemon\n'));
  if (delegated) assert.deepEqual(found, { usable: true, version: 'v2', parent: group });
  const scope = places(root, '0::/user.slice/dcfd.service/run-1.scope\n');
  await mkdir(join(group, 'run-1.scope'));
  if (delegated) assert.match(reason(scope), /run-1\.scope has no memory controller|run-1\.scope is not a memory cgroup/);
  const asRoot = reason({ ...places(root, '0::/user.slice/dcfd.service/daemon\n'), uid: 0 });
  assert.match(asRoot, /dcfd\.service\/daemon is not delegated to the daemon: name one with --cgroup/);
  assert.match(reason({ ...places(root, '0::/user.slice/dcfd.service/daemon\n'), uid: uid + 1 }), /not delegated/);
});

test('the version 1 memory hierarchy goes before the unified one', async (t) => {
  const { root } = await v2(t, 'a');
  assert.match(reason({ ...places(root, '4:cpu,memory:/b/c\n0::/a\n'), uid: 0 }), /memory\/b\/c is not delegated/);
  assert.match(reason({ ...places(root, '4:cpu:/b\n0::/a\n'), uid: 0 }), /\/a is not delegated/);
  assert.match(reason(places(root, '')), /no memory cgroups/);
});

test('a group that cannot be used says why', async (t) => {
  const { group, root } = await v2(t, 'dcf.slice', 'cpu');
  assert.match(reason(places(root, '', group)), /dcf\.slice has no memory controller/);
  assert.match(reason(places(root, '', join(root, 'missing'))), /missing is not a memory cgroup/);
  const v1 = join(root, 'v1');
  await mkdir(v1);
  await writeFile(join(v1, 'memory.limit_in_bytes'), '9223372036854771712\n');
  await writeFile(join(v1, 'memory.use_hierarchy'), '0\n');
  assert.match(reason(places(root, '', v1)), /does not count the memory of its children/);
});

test('a replica’s group has its limit, takes a process in before it runs, tells of a kill, and goes', async (t) => {
  const { root, group } = await v2(t, 'dcf.slice');
  await mkdir(join(group, 'dcf-1-left-over'));
  const found = findCgroups(places(root, '', group));
  assert.ok(found.usable);
  assert.ok(!existsSync(join(group, 'dcf-1-left-over')));
  const cgroup = createCgroup(found, 2 ** 27);
  const [name = ''] = readdirSync(group).filter((entry) => entry.startsWith('dcf-'));
  const path = join(group, name);
  const content = (file: string): string => readFileSync(join(path, file), 'utf8').trim();
  assert.equal(content('memory.max'), '134217728');
  assert.equal(content('memory.swap.max'), '0');
  assert.equal(content('memory.oom.group'), '1');
  const [file = '', ...argv] = [...cgroup.enter, process.execPath, '-p', 'process.pid'];
  const { stdout } = spawnSync(file, argv, { encoding: 'utf8' });
  assert.equal(content('cgroup.procs'), stdout.trim());
  assert.equal(cgroup.outOfMemory(), false);
  await writeFile(join(path, 'memory.events'), 'low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\n');
  assert.equal(cgroup.outOfMemory(), true);
  // The kernel's files go with the folder; these have to be removed.
  for (const entry of readdirSync(path)) await rm(join(path, entry));
  await cgroup.remove();
  assert.ok(!existsSync(path));
});

test('a group of version 1 has its own names', async (t) => {
  const root = await temporaryDirectory(t);
  await writeFile(join(root, 'memory.limit_in_bytes'), '9223372036854771712\n');
  await writeFile(join(root, 'memory.use_hierarchy'), '1\n');
  const found = findCgroups(places('/nowhere', '', root));
  assert.ok(found.usable && found.version === 'v1');
  const cgroup = createCgroup(found, 2 ** 27);
  const [name = ''] = readdirSync(root).filter((entry) => entry.startsWith('dcf-'));
  assert.deepEqual(readdirSync(join(root, name)).sort(), ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes']);
  await writeFile(join(root, name, 'memory.oom_control'), 'oom_kill_disable 0\nunder_oom 0\noom_kill 2\n');
  assert.equal(cgroup.outOfMemory(), true);
});
