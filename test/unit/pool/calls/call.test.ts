import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DcfError } from '../../../../src/core/errors.js';
import type { Call } from '../../../../src/pool/calls/call.js';
import type { CallPhase } from '../../../../src/pool/calls/call-phase.js';
import { CallStream } from '../../../../src/pool/calls/call-stream.js';
import { NestedCall } from '../../../../src/pool/calls/nested-call.js';
import { fakeCall, fakeClock } from '../../../support/fake-pool.js';
import { noPool, someWorker } from '../../../support/pool.js';

const gone = new DcfError('CANCELLED', 'gone');

/** How a call comes into each phase. */
const paths: Record<CallPhase, readonly ((call: Call) => void)[]> = {
  queued: [],
  ahead: [(call) => call.assign(someWorker, 1, true)],
  running: [(call) => call.assign(someWorker, 1, false)],
  delivering: [(call) => call.assign(someWorker, 1, false), (call) => call.release()],
  abandoned: [(call) => call.assign(someWorker, 1, false), (call) => call.fail(gone)],
  done: [(call) => call.fail(gone)],
};

/** What each change leads to, by the phase before; a phase that is not named is one in which it throws. */
const transitions: Record<string, { change: (call: Call) => void; leads: Partial<Record<CallPhase, CallPhase>> }> = {
  'assign, to begin at once': { change: (call) => call.assign(someWorker, 2, false), leads: { queued: 'running' } },
  'assign, ahead': { change: (call) => call.assign(someWorker, 2, true), leads: { queued: 'ahead' } },
  begin: { change: (call) => call.begin(), leads: { ahead: 'running' } },
  release: { change: (call) => call.release(), leads: { ahead: 'queued', running: 'delivering', abandoned: 'done' } },
  moveTo: { change: (call) => call.moveTo(noPool), leads: { queued: 'queued' } },
  waitForReplica: { change: (call) => call.waitForReplica(), leads: { queued: 'queued' } },
  settle: {
    change: (call) => call.fail(gone),
    leads: { queued: 'done', ahead: 'abandoned', running: 'abandoned', delivering: 'done', abandoned: 'abandoned', done: 'done' },
  },
};

describe('the phases of a call', () => {
  const phases = Object.keys(paths).filter((name): name is CallPhase => name in paths);
  for (const [name, { change, leads }] of Object.entries(transitions)) {
    for (const before of phases) {
      const after = leads[before];
      test(`${name} while it is ${before}: ${after ?? 'it throws, and nothing changes'}`, () => {
        const { call, outcomes } = fakeCall(noPool, 'call-1');
        for (const step of paths[before]) step(call);
        assert.equal(call.phase, before);
        if (after === undefined) {
          const told = outcomes.length;
          assert.throws(() => change(call), { code: 'INTERNAL', message: new RegExp(`^call call-1 is ${before} and cannot `) });
          assert.deepEqual([call.phase, outcomes.length], [before, told]);
        } else {
          change(call);
          assert.equal(call.phase, after);
        }
      });
    }
  }

  test('a call that was sent ahead and given up begins all the same, and stays abandoned', () => {
    const { call } = fakeCall(noPool, 'call-1');
    call.assign(someWorker, 1, true);
    call.fail(gone);
    assert.deepEqual([call.phase, call.begun], ['abandoned', false]);
    call.begin();
    assert.deepEqual([call.phase, call.begun], ['abandoned', true]);
    assert.throws(() => call.begin(), { code: 'INTERNAL' });
  });

  test('its caller is told once, however often it is settled', () => {
    const { call, outcomes } = fakeCall(noPool, 'call-1');
    call.assign(someWorker, 1, false);
    call.fail(gone);
    call.release();
    call.end({ ok: false, error: new DcfError('INTERNAL', 'late') });
    assert.deepEqual(outcomes, [{ ok: false, error: gone }]);
    assert.equal(call.phase, 'done');
  });

  test('a call that came back from ahead can be given to another worker, and is reported from there', () => {
    const { call } = fakeCall(noPool, 'call-1');
    call.waitForReplica();
    call.assign(someWorker, 1, true);
    call.release();
    call.assign({ ...someWorker, index: 2, replicaId: 7, providers: ['cuda'] }, 9, false);
    const { worker, replica, providers, cold } = call.report();
    assert.deepEqual([call.wireId, worker, replica, providers, cold], [9, 2, 7, ['cuda'], true]);
  });
});

describe('what ends a call in time', () => {
  test('is cancelled with its end, and stays while a worker has what nobody waits for', async (t) => {
    const clock = fakeClock(t);
    for (const [before, after, stays] of [
      ['running', (call: Call) => call.release(), false],
      ['running', (call: Call) => call.fail(gone), true],
      ['abandoned', (call: Call) => call.release(), false],
      ['queued', (call: Call) => call.fail(gone), false],
      ['ahead', (call: Call) => call.release(), true],
    ] as const) {
      const { call } = fakeCall(noPool, 'call-1');
      let cancelled = false;
      for (const step of paths[before]) step(call);
      call.setTimer(() => {
        cancelled = true;
      });
      after(call);
      assert.equal(cancelled, !stays, `${before}, then ${call.phase}`);
    }
    await clock.tick(0);
  });

  test('gives way to what comes in its place', () => {
    const { call } = fakeCall(noPool, 'call-1');
    const cancelled: string[] = [];
    call.setTimer(() => cancelled.push('first'));
    call.setTimer(() => cancelled.push('second'));
    assert.deepEqual(cancelled, ['first']);
    call.fail(gone);
    assert.deepEqual(cancelled, ['first', 'second']);
  });
});

test('a stream that its worker has done with is settled when its caller has taken every chunk', () => {
  const { call, outcomes } = fakeCall(noPool, 'call-1');
  const caller = { head: () => undefined, chunk: () => undefined, room: () => undefined };
  const stream = new CallStream(call, { chunked: false, caller }, 1_000);
  call.attachStream(stream);
  call.assign(someWorker, 1, false);
  stream.open(() => undefined);
  stream.receive({ output: Buffer.from('four'), kind: 'bytes', headroom: 0, release: () => undefined });
  call.release();
  call.end({ ok: true, output: new Uint8Array(), kind: 'bytes', headroom: 0, release: () => undefined });
  assert.deepEqual([call.phase, outcomes.length], ['delivering', 0]);
  stream.taken(4);
  assert.deepEqual([call.phase, outcomes.length], ['done', 1]);
});

test('the nested calls of a call that ends are given up; one that was answered is not', () => {
  const { call: parent } = fakeCall(noPool, 'parent');
  const given: string[] = [];
  const owner = { ...noPool, cancel: (call: Call) => void given.push(call.invocation.requestId) };
  const links = ['answered', 'open', 'not accepted'].map((name, id) => {
    const nested = new NestedCall(parent, id);
    parent.addNested(nested);
    if (name !== 'not accepted') nested.accepted(fakeCall(owner, name).call);
    return nested;
  });
  const [answered] = links;
  assert.ok(answered !== undefined);
  assert.equal([...parent.awaited()].length, 2);
  parent.nested?.remove(answered);
  parent.fail(gone);
  assert.deepEqual(given, ['open']);
  assert.deepEqual([...parent.awaited()], []);
});
