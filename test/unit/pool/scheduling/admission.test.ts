import assert from 'node:assert/strict';
import test from 'node:test';
import { DcfError, isNotStarted } from '../../../../src/core/errors.js';
import { NestedCall } from '../../../../src/pool/calls/nested-call.js';
import type { Failure } from '../../../../src/pool/replica/replica-set.js';
import { Admission } from '../../../../src/pool/scheduling/admission.js';
import { FakeWorker, fakeCall } from '../../../support/fake-pool.js';
import { noPool } from '../../../support/pool.js';

interface Replicas {
  readyCount: number;
  pauseMs: number;
  initError: DcfError | undefined;
  lastFailure: Failure | undefined;
}

/** What a pool takes that has one ready replica and room for two calls in its queue. */
function setUp() {
  const replicas: Replicas = { readyCount: 1, pauseMs: 0, initError: undefined, lastFailure: undefined };
  const queue = { queued: 0, queuedNested: 0, extraRoom: 0 };
  const admission = new Admission({ function: 'tested', revision: 'r1', maxQueued: 2, replicas, queue });
  return { admission, replicas, queue };
}

const nothing = (): void => undefined;
const worker = new FakeWorker({ slotFreed: nothing, callReturned: nothing, callStarted: nothing });
const { call } = fakeCall(noPool, 'outside');
const nested = fakeCall(noPool, 'nested', 1_000, { origin: new NestedCall(call, 1) }).call;

test('a full queue refuses calls from outside, and says when to come back; nested ones have a room of their own', () => {
  const { admission, queue } = setUp();
  queue.queued = 1;
  assert.equal(admission.refusal(call, undefined), undefined);
  queue.queued = 2;
  const refusal = admission.refusal(call, undefined);
  assert.deepEqual([refusal?.code, refusal?.retryAfterMs], ['RESOURCE_EXHAUSTED', 100]);
  assert.match(refusal?.message ?? '', /the queue of tested is full: 2 calls wait/);
  assert.equal(admission.refusal(call, worker), undefined, 'a worker that is free takes it at once');
  assert.equal(admission.refusal(nested, undefined), undefined);
  queue.queuedNested = 2;
  assert.equal(admission.refusal(nested, undefined)?.code, 'RESOURCE_EXHAUSTED');
  queue.extraRoom = 1;
  assert.equal(admission.refusal(nested, undefined), undefined);
});

test('where no Handler can be built, or a replica is tried again only later, callers are told at once and why', () => {
  const { admission, replicas } = setUp();
  replicas.readyCount = 0;
  assert.equal(admission.refusal(call, undefined), undefined, 'one is being started');
  replicas.pauseMs = 5_000.4;
  replicas.lastFailure = { text: 'it exited with code 1', at: 0 };
  const pausing = admission.refusal(call, undefined);
  assert.ok(pausing !== undefined && isNotStarted(pausing));
  assert.deepEqual([pausing.code, pausing.retryAfterMs], ['UNAVAILABLE', 5_001]);
  assert.match(pausing.message, /tested is not ready: it exited with code 1; the next start is tried in 5/);
  replicas.initError = new DcfError('FAILED_PRECONDITION', 'no weights');
  const unavailable = admission.refusal(call, undefined);
  assert.deepEqual([unavailable?.code, unavailable?.message], ['FAILED_PRECONDITION', 'tested is not ready: no weights']);
  replicas.readyCount = 1;
  assert.equal(admission.unavailable(), undefined, 'another replica is ready');
  replicas.readyCount = 0;
  admission.suspended = true;
  assert.equal(admission.unavailable(), undefined, 'its replicas were told to end, and come again');
});

test('a pool that stops takes nothing, not even where a worker is free', () => {
  const { admission } = setUp();
  admission.draining = true;
  const refusal = admission.refusal(call, worker);
  assert.ok(refusal !== undefined && isNotStarted(refusal));
  assert.match(refusal.message, /tested is being stopped and takes no new calls/);
});
