import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { releaseOf } from '../../../src/registry/model/function-record.js';
import type { Release } from '../../../src/registry/model/release.js';
import type { Revision } from '../../../src/registry/model/revision.js';
import { Registry } from '../../../src/registry/registry.js';
import { temporaryDirectory } from '../../support/cleanup.js';
import { deploy, functionName, packageOf, sha256 } from '../../support/registry.js';

const digits = functionName('digits');

function version(number: number) {
  return packageOf({ name: 'digits' }, { 'version.txt': String(number) });
}

test('never removes a revision that has a share of the traffic, or that still runs', async (context) => {
  const registry = await Registry.open(await temporaryDirectory(context));
  context.after(() => registry.close());
  const revisions: Revision[] = [];
  for (let number = 1; number <= 4; number++) revisions.push((await deploy(registry, version(number))).active);
  const [first, second, third, fourth] = revisions;
  assert.ok(first && second && third && fourth);
  const before = registry.get(digits);
  assert.ok(before);
  const traffic = [
    { revision: fourth.id, percent: 90 },
    { revision: first.id, percent: 10 },
  ];
  await registry.release(digits, { ...releaseOf(before), traffic });
  assert.deepEqual(await registry.retain(digits, 1, (id) => id === second.id), [third.id]);
  assert.deepEqual(await registry.retain(digits, 1), [second.id]);
  await assert.rejects(registry.release(digits, { ...releaseOf(before), aliases: { old: second.id } }), { code: 'NOT_FOUND' });
  assert.deepEqual(registry.get(digits)?.traffic, traffic);
});

test('has aliases, traffic, history, bounds and the limit of canaries after a restart', async (context) => {
  const data = await temporaryDirectory(context);
  const first = await Registry.open(data);
  const [one, two] = [(await deploy(first, version(1))).active.id, (await deploy(first, version(2))).active.id];
  const release: Release = {
    active: two,
    aliases: { prod: one },
    traffic: [
      { revision: two, percent: 70 },
      { revision: one, percent: 30 },
    ],
    history: [
      { revision: one, at: 1 },
      { revision: two, at: 2 },
    ],
    scale: { [one]: { min: 0, max: 3 } },
    maxErrorRate: 2.5,
    canaryStop: undefined,
  };
  await first.release(digits, release);
  await first.close();
  const second = await Registry.open(data);
  context.after(() => second.close());
  const record = second.get(digits);
  assert.ok(record);
  assert.deepEqual(releaseOf(record), release);
});

test('drops no lost revision that an alias or a share needs: the function is reported', async (context) => {
  for (const named of ['aliases', 'traffic'] as const) {
    const data = await temporaryDirectory(context);
    const first = await Registry.open(data);
    const old = await deploy(first, version(1));
    const { active, ...record } = await deploy(first, version(2));
    const traffic = [active.id, old.active.id].map((revision) => ({ revision, percent: 50 }));
    const change = named === 'aliases' ? { aliases: { prod: old.active.id } } : { traffic };
    await first.release(digits, { ...releaseOf({ ...record, active }), ...change });
    await first.close();
    await rm(old.active.directory, { recursive: true });
    await rm(join(data, 'blobs/sha256', sha256('1')));
    const registry = await Registry.open(data);
    context.after(() => registry.close());
    assert.deepEqual(
      registry.damaged.map(({ name }) => name),
      [digits],
      named,
    );
  }
});
