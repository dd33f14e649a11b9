import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { Call, CallOwner } from '../../../../src/pool/calls/call.js';
import { CallTermination } from '../../../../src/pool/scheduling/call-termination.js';
import { FakeWorker, fakeCall, fakeClock } from '../../../support/fake-pool.js';
import { failureOf, noPool } from '../../../support/pool.js';

/** What ends calls of a pool whose queue and worker are a test's. Its Handler gets 200 ms to notice, its replica 5 s to finish. */
function setUp(t: TestContext) {
  const removed: string[] = [];
  let condemned = 0;
  const termination = new CallTermination({
    function: 'tested',
    queue: { remove: (call) => void removed.push(call.invocation.requestId) },
    killGraceMs: 200,
    condemnGraceMs: 5_000,
    onCondemned: () => {
      condemned += 1;
    },
  });
  const nothing = (): void => undefined;
  const worker = new FakeWorker({ slotFreed: nothing, callReturned: nothing, callStarted: (call: Call) => termination.begun(call) });
  const owner: CallOwner = {
    ...noPool,
    expire: (call) => termination.expire(call),
    cancel: (call, error) => termination.cancel(call, error),
  };
  return { clock: fakeClock(t), worker, removed, call: (id: string) => fakeCall(owner, id, 1_000), condemnations: () => condemned };
}

test('a deadline that passes in the queue takes the call out and says so', async (t) => {
  const { clock, call, removed } = setUp(t);
  const { call: waiting, outcomes } = call('a');
  await clock.tick(1_000);
  waiting.expire();
  assert.deepEqual([removed, waiting.phase], [['a'], 'done']);
  const [outcome] = outcomes;
  assert.ok(outcome !== undefined);
  const { code, message } = failureOf(outcome);
  assert.deepEqual([code, message], ['DEADLINE_EXCEEDED', 'tested: the deadline of 1 s passed in the queue']);
});

test('a deadline that passes in the Handler: the caller is told at once, the Handler gets the grace, then its replica is condemned', async (t) => {
  const { clock, call, worker, condemnations } = setUp(t);
  const { call: running, outcomes } = call('a');
  worker.dispatch(running);
  await clock.tick(1_000);
  running.expire();
  assert.match(outcomes[0]?.ok === false ? outcomes[0].error.message : '', /passed in the Handler/);
  assert.deepEqual([worker.cancelled, worker.abandoned, worker.condemned], [['a'], 1, []]);
  await clock.tick(199);
  assert.deepEqual(worker.condemned, []);
  await clock.tick(1);
  assert.deepEqual([worker.condemned, condemnations()], [['a 5000'], 1]);
});

test('a Handler that answers within the grace keeps its replica', async (t) => {
  const { clock, call, worker } = setUp(t);
  const { call: running, outcomes } = call('a');
  worker.dispatch(running);
  await clock.tick(1_000);
  running.expire();
  worker.answer();
  await clock.tick(10_000);
  assert.deepEqual([worker.condemned, running.phase, outcomes.length], [[], 'done', 1]);
});

test('a caller that gives up is told CANCELLED; its call keeps the slot, and its deadline still ends a Handler that never answers', async (t) => {
  const { clock, call, worker } = setUp(t);
  const { call: running, outcomes } = call('a');
  let expired = false;
  running.setTimer(() => {
    expired = true;
  });
  worker.dispatch(running);
  running.cancel();
  const [outcome] = outcomes;
  assert.ok(outcome !== undefined);
  assert.equal(failureOf(outcome).code, 'CANCELLED');
  assert.deepEqual([worker.cancelled, worker.freeSlots, running.phase, expired], [['a'], 0, 'abandoned', false]);
  running.cancel();
  assert.deepEqual(worker.cancelled, ['a']);
  running.expire();
  await clock.tick(200);
  assert.deepEqual([worker.condemned, outcomes.length], [['a 5000'], 1]);
});

test('a call that was sent ahead has its grace from when it begins, and none while it has not', async (t) => {
  const { clock, call, worker } = setUp(t);
  worker.dispatch(call('first').call);
  const { call: ahead, outcomes } = call('ahead');
  worker.dispatch(ahead);
  ahead.expire();
  assert.match(outcomes[0]?.ok === false ? outcomes[0].error.message : '', /passed in the queue/);
  await clock.tick(10_000);
  assert.deepEqual(worker.condemned, []);
  worker.answer();
  worker.startAhead();
  await clock.tick(200);
  assert.deepEqual(worker.condemned, ['ahead 5000']);
});
