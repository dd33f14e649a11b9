import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { Canary } from '../../../../src/control/live/canary.js';
import { type Destination, nextPlace, type Route, Router, Split, type Target } from '../../../../src/control/live/router.js';
import type { Invocation } from '../../../../src/pool/calls/invocation.js';
import type { FunctionPool } from '../../../../src/pool/function-pool.js';
import { fakeFunctionPool } from '../../../support/fake-function-pool.js';
import { functionName } from '../../../support/registry.js';

const name = functionName('digits');
const maxPayload = 4;

/** A target that takes calls, or whose pool was never started. */
async function targetOf(t: TestContext, started = true): Promise<Target> {
  const { pool } = fakeFunctionPool(t);
  if (started) await pool.start();
  return { name, pool, maxPayload, callLog: true, canary: undefined };
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

  test('tells whose turn it is without taking it', async (t) => {
    const [one, two, dead] = await Promise.all([targetOf(t), targetOf(t), targetOf(t, false)]);
    const split = new Split([
      { target: one, percent: 50 },
      { target: two, percent: 30 },
      { target: dead, percent: 20 },
    ]);
    for (let call = 0; call < 100; call++) {
      const seen = [split.peek(), split.peek()];
      const picked = split.pick();
      assert.deepEqual(seen, [picked, picked]);
    }
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
  for (let call = 0; call < 10; call++) {
    assert.equal(router.peek(name, undefined), active);
    assert.equal(router.resolve(name, undefined), active);
  }
  assert.equal(router.peek(name, 'prod'), other);
  router.delete(name);
  assert.throws(() => router.resolve(name, undefined), { code: 'NOT_FOUND', message: 'there is no function digits' });
});

describe('a call that waits while the release changes', () => {
  const leadingTo = (pool: FunctionPool): Destination => ({
    kind: 'pool',
    target: { name, pool, maxPayload, canary: undefined, callLog: false },
  });

  function waiting(selector: string | undefined, size = 1): Invocation {
    const input = Buffer.alloc(size);
    return { requestId: 'r', selector, input, timeoutMs: 1_000, metadata: undefined, settle: () => undefined };
  }

  test('goes where a new call would go: to the active revision, or to the one that its alias names now', (t) => {
    const [old, active, other] = [fakeFunctionPool(t).pool, fakeFunctionPool(t).pool, fakeFunctionPool(t).pool];
    const route: Route = { active: leadingTo(active), shares: [], named: new Map([['prod', leadingTo(other)]]) };
    assert.deepEqual(nextPlace(waiting(undefined), old, route, false), { kind: 'pool', pool: active });
    assert.deepEqual(nextPlace(waiting('prod'), old, route, false), { kind: 'pool', pool: other });
  });

  test('stays with the revision that it names, with one that keeps its share, and where nothing else takes it', (t) => {
    const [old, active] = [fakeFunctionPool(t).pool, fakeFunctionPool(t).pool];
    const named = new Map<string, Destination>([
      ['prod', leadingTo(old)],
      ['next', { kind: 'failed', reason: 'no weights' }],
    ]);
    const route: Route = { active: leadingTo(active), shares: [], named };
    for (const selector of ['0123456789abcdef', 'removed', 'prod', 'next'])
      assert.deepEqual(nextPlace(waiting(selector), old, route, false), { kind: 'stay' }, selector);
    assert.deepEqual(nextPlace(waiting(undefined), old, route, true), { kind: 'stay' });
    assert.deepEqual(nextPlace(waiting(undefined), old, { ...route, active: { kind: 'starting' } }, false), { kind: 'stay' });
  });

  test('is refused, with both numbers, where its input is over the limit of the revision that it would go to', (t) => {
    const [old, active] = [fakeFunctionPool(t).pool, fakeFunctionPool(t).pool];
    const route: Route = { active: leadingTo(active), shares: [], named: new Map() };
    assert.equal(nextPlace(waiting(undefined, maxPayload), old, route, false).kind, 'pool');
    const place = nextPlace(waiting(undefined, maxPayload + 1), old, route, false);
    assert.ok(place.kind === 'refused');
    assert.deepEqual(
      [place.error.code, place.error.message],
      ['RESOURCE_EXHAUSTED', 'the input has 5 bytes; limits.payload of digits is 4'],
    );
  });
});
