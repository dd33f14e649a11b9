import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Destination, nextPlace, type Route } from '../../../src/control/router.js';
import { isFunctionName } from '../../../src/core/names.js';
import type { Invocation } from '../../../src/pool/calls/invocation.js';
import type { FunctionPool } from '../../../src/pool/function-pool.js';
import { createPool } from '../../support/pool.js';

const name = 'moving';
const maxPayload = 4;

async function pools(t: TestContext): Promise<[FunctionPool, FunctionPool, FunctionPool]> {
  const made = async (): Promise<FunctionPool> => (await createPool(t, '')).pool;
  return [await made(), await made(), await made()];
}

function leadingTo(pool: FunctionPool): Destination {
  assert.ok(isFunctionName(name));
  return { kind: 'pool', target: { name, pool, maxPayload, canary: undefined, callLog: false } };
}

function waiting(selector: string | undefined, size = 1): Invocation {
  const input = Buffer.alloc(size);
  return { requestId: 'r', selector, input, timeoutMs: 1_000, metadata: undefined, settle: () => undefined };
}

test('what waits goes where a new call would go: to the active revision, or to the one that its alias names now', async (t) => {
  const [old, active, other] = await pools(t);
  const route: Route = { active: leadingTo(active), shares: [], named: new Map([['prod', leadingTo(other)]]) };
  assert.deepEqual(nextPlace(waiting(undefined), old, route, false), { kind: 'pool', pool: active });
  assert.deepEqual(nextPlace(waiting('prod'), old, route, false), { kind: 'pool', pool: other });
});

test('a call stays with the revision that it names, with one that keeps its share, and where nothing else takes it', async (t) => {
  const [old, active] = await pools(t);
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

test('an input over the limit of the revision that it would go to is refused, with both numbers', async (t) => {
  const [old, active] = await pools(t);
  const route: Route = { active: leadingTo(active), shares: [], named: new Map() };
  assert.equal(nextPlace(waiting(undefined, maxPayload), old, route, false).kind, 'pool');
  const place = nextPlace(waiting(undefined, maxPayload + 1), old, route, false);
  assert.ok(place.kind === 'refused');
  assert.deepEqual([place.error.code, place.error.message], ['RESOURCE_EXHAUSTED', 'the input has 5 bytes; limits.payload of moving is 4']);
});
