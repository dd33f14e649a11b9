import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { Canary } from '../../../src/control/canary.js';
import { Router, Split, type Target } from '../../../src/control/router.js';
import { isFunctionName } from '../../../src/core/names.js';
import { createPool, startPool } from '../../support/pool.js';

const given = 'digits';
assert.ok(isFunctionName(given));
const name = given;
const source = "export class Handler { call() { return ''; } }";

/** A target that takes calls, or whose pool was never started. */
async function targetOf(t: TestContext, started = true): Promise<Target> {
  const { pool } = started ? await startPool(t, source) : await createPool(t, source);
  return { name, pool, maxPayload: 1, callLog: true, canary: undefined };
}

describe('a split', () => {
  test('deals out by weight, evenly', async (t) => {
    const [one, two, three] = await Promise.all([targetOf(t), targetOf(t), targetOf(t)]);
    const split = new Split([
      { target: one, percent: 50 },
      { target: two, percent: 30 },
      { target: three, percent: 20 },
    ]);
    const picks = Array.from({ length: 100 }, () => split.pick());
    assert.deepEqual(
      [one, two, three].map((target) => picks.filter((pick) => pick === target).length),
      [50, 30, 20],
    );
    for (let start = 0; start < 100; start += 10) assert.equal(picks.slice(start, start + 10).filter((pick) => pick === one).length, 5);
  });

  test('passes over what takes no calls, without a share of them for others', async (t) => {
    const [one, dead] = await Promise.all([targetOf(t), targetOf(t, false)]);
    const split = new Split([
      { target: one, percent: 50 },
      { target: dead, percent: 50 },
    ]);
    assert.deepEqual(
      Array.from({ length: 4 }, () => split.pick()),
      [one, undefined, one, undefined],
    );
  });

  test('gives nothing more to a canary that failed too often', async (t) => {
    const [one, canary] = await Promise.all([targetOf(t), targetOf(t)]);
    const watch = new Canary(0, () => undefined);
    watch.isOver = true;
    canary.canary = watch;
    const split = new Split([
      { target: one, percent: 50 },
      { target: canary, percent: 50 },
    ]);
    assert.deepEqual([split.pick(), split.pick()], [one, undefined]);
  });
});

test('a call goes to the active revision, or where its selector says; what a share cannot take goes to the active one', async (t) => {
  const [active, other, dead] = await Promise.all([targetOf(t), targetOf(t), targetOf(t, false)]);
  const router = new Router();
  const toActive = { kind: 'pool', target: active } as const;
  const named = new Map([
    ['prod', { kind: 'pool', target: other } as const],
    ['soon', { kind: 'starting' } as const],
    ['never', { kind: 'failed', reason: 'no weights' } as const],
  ]);
  router.set(name, { active: toActive, shares: [], named });
  assert.equal(router.resolve(name, undefined), active);
  assert.equal(router.resolve(name, 'prod'), other);
  assert.throws(() => router.resolve(name, 'soon'), { code: 'UNAVAILABLE', message: /digits is being started/ });
  assert.throws(() => router.resolve(name, 'never'), { code: 'FAILED_PRECONDITION', message: /no weights/ });
  assert.throws(() => router.resolve(name, 'next'), { code: 'NOT_FOUND', message: /no alias and no running revision "next"/ });
  const shares = [
    { target: active, percent: 10 },
    { target: dead, percent: 90 },
  ];
  router.set(name, { active: toActive, shares, named });
  for (let call = 0; call < 10; call++) assert.equal(router.resolve(name, undefined), active);
  router.delete(name);
  assert.throws(() => router.resolve(name, undefined), { code: 'NOT_FOUND', message: 'there is no function digits' });
});
