import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { Call, CallOwner } from '../../../../src/pool/calls/call.js';
import { NestedCall } from '../../../../src/pool/calls/nested-call.js';
import { DeadlockGuard } from '../../../../src/pool/scheduling/deadlock-guard.js';
import { Dispatcher } from '../../../../src/pool/scheduling/dispatcher.js';
import { type FakeCall, FakeReplica, FakeWorker, fakeCall, fakeClock } from '../../../support/fake-pool.js';
import { noPool } from '../../../support/pool.js';

/** A pool of one worker with one slot, whose Handler calls its own function. */
function setUp(t: TestContext) {
  const clock = fakeClock(t);
  const nothing = (): void => undefined;
  const worker = new FakeWorker({ slotFreed: nothing, callReturned: nothing, callStarted: nothing });
  const replica = new FakeReplica(1);
  replica.workers = [worker];
  replica.becomeReady();
  const state = { expectsReplica: false, suspended: false, canGrow: false, grown: 0 };
  const replicas = {
    replicas: [replica],
    get expectsReplica() {
      return state.expectsReplica;
    },
  };
  const queue = new Dispatcher(replicas, { batch: { maxSize: 1, maxDelayMs: 0, maxBytes: 1 } });
  const guard = new DeadlockGuard({
    function: 'tested',
    replicas,
    queue,
    scaler: {
      get canGrow() {
        return state.canGrow;
      },
      grow: () => {
        if (state.canGrow) state.grown += 1;
        return state.canGrow;
      },
    },
    isSuspended: () => state.suspended,
  });
  t.after(() => guard.stop());
  const owner: CallOwner = { ...noPool, slots: guard };
  const outer = fakeCall(owner, 'outer').call;
  worker.dispatch(outer);
  /** A call that `parent`'s Handler makes of the same function, and that has to wait. */
  const nest = (parent: Call, id: string): FakeCall => {
    const nested = new NestedCall(parent, 1);
    parent.addNested(nested);
    const made = fakeCall(owner, id, 1_000, { origin: nested });
    nested.accepted(made.call);
    queue.push(made.call);
    guard.check();
    return made;
  };
  return { clock, worker, replica, state, queue, guard, outer, nest };
}

test('a call that waits for the slot that its own caller holds fails at once, and says who waits for whom', (t) => {
  const { outer, nest, queue } = setUp(t);
  const { outcomes } = nest(outer, 'inner');
  const [outcome] = outcomes;
  assert.ok(outcome?.ok === false);
  assert.equal(outcome.error.code, 'ABORTED');
  assert.match(outcome.error.message, /tested waits for tested/);
  assert.match(outcome.error.message, /replicas\.max, threads, concurrency/);
  assert.equal(queue.queued, 0);
});

test('it waits while a replica comes, and while one can be started for it', (t) => {
  const { outer, nest, state, guard } = setUp(t);
  state.expectsReplica = true;
  const { outcomes } = nest(outer, 'inner');
  state.expectsReplica = false;
  state.canGrow = true;
  guard.check();
  assert.deepEqual([state.grown, outcomes.length], [1, 0]);
});

test('it waits while the slot is held by a call that waits for nothing', (t) => {
  const { nest } = setUp(t);
  assert.deepEqual(nest(fakeCall(noPool, 'elsewhere').call, 'inner').outcomes, []);
});

test('a deadlock that begins later is found by the next search', async (t) => {
  const { clock, outer, nest, state } = setUp(t);
  state.expectsReplica = true;
  const { outcomes } = nest(outer, 'inner');
  await clock.tick(99);
  state.expectsReplica = false;
  assert.equal(outcomes.length, 0);
  await clock.tick(1);
  assert.equal(outcomes.length, 1);
});

test('a suspended pool gets its slots back with its next replicas, once nothing runs in the old ones', (t) => {
  const { outer, nest, state, worker, guard } = setUp(t);
  state.suspended = true;
  assert.equal(nest(outer, 'inner').outcomes.length, 1);
  worker.answer();
  assert.equal(guard.canGainSlots, true);
});

test('a call that was given up still holds its slot, but not in a condemned replica, which ends', (t) => {
  const { outer, guard, replica } = setUp(t);
  outer.nested?.cancel(0);
  assert.deepEqual([...guard.holders()], [outer]);
  replica.phase = 'condemned';
  assert.deepEqual([...guard.holders()], [outer]);
  outer.settle({ ok: true, output: new Uint8Array(), kind: 'bytes', headroom: 0, release: () => undefined });
  assert.deepEqual([...guard.holders()], []);
});
