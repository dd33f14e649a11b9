import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Canary, ErrorWindow, isFault, isOverLimit } from '../../../../src/control/live/canary.js';
import { DcfError, type ErrorCode } from '../../../../src/core/errors.js';
import type { CallReport, Outcome, Reported } from '../../../../src/pool/calls/invocation.js';

const fine: Outcome = { ok: true, output: new Uint8Array(), kind: 'bytes', headroom: 0, release: () => undefined };

function failed(code: ErrorCode): Outcome {
  return { ok: false, error: new DcfError(code, 'for the test') };
}

/** A call that ran for so long. */
function ran(runMs: number): Reported {
  const report: CallReport = {
    revision: '',
    replica: 1,
    worker: 0,
    queueMs: 0,
    runMs,
    batchSize: 1,
    providers: [],
    cold: false,
    memory: 0,
    peakMemory: 0,
  };
  return { report: () => report };
}

describe('whether too many calls failed', () => {
  const cases: readonly [number, number, number, boolean][] = [
    [19, 19, 5, false],
    [20, 0, 0, false],
    [20, 1, 0, true],
    [20, 1, 5, false],
    [20, 2, 5, true],
    [100, 5, 5, false],
    [100, 6, 5, true],
    [40, 1, 2.5, false],
    [39, 1, 2.5, true],
  ];
  for (const [calls, errors, limit, over] of cases) {
    test(`${errors} of ${calls} ${over ? 'are' : 'are not'} over ${limit} %`, () => {
      assert.equal(isOverLimit({ calls, errors }, limit), over);
    });
  }
});

test('what the function did is its fault, what the caller or the platform did is not', () => {
  assert.equal(isFault(fine, ran(1)), false);
  for (const code of ['UNKNOWN', 'INTERNAL', 'DEADLINE_EXCEEDED'] as const) assert.equal(isFault(failed(code), ran(1)), true, code);
  for (const code of ['CANCELLED', 'RESOURCE_EXHAUSTED', 'UNAVAILABLE'] as const)
    assert.equal(isFault(failed(code), ran(1)), undefined, code);
  assert.equal(isFault(failed('DEADLINE_EXCEEDED'), ran(0)), undefined, 'it passed in the queue');
  assert.equal(isFault(failed('INVALID_ARGUMENT'), ran(1)), false, 'the Handler refused what it was given');
});

test('a window forgets what is more than a hundred calls ago', () => {
  const window = new ErrorWindow();
  for (let call = 0; call < 30; call++) window.add(true);
  for (let call = 0; call < 80; call++) window.add(false);
  assert.deepEqual([window.calls, window.errors], [100, 20]);
  for (let call = 0; call < 20; call++) window.add(false);
  assert.deepEqual([window.calls, window.errors], [100, 0]);
});

test('a canary tells once, and counts no calls that say nothing of it', () => {
  const told: unknown[] = [];
  const canary = new Canary(5, (count) => told.push(count));
  for (let call = 0; call < 30; call++) canary.record(failed('CANCELLED'), ran(1));
  for (let call = 0; call < 18; call++) canary.record(fine, ran(1));
  canary.record(failed('UNKNOWN'), ran(1));
  assert.deepEqual([told, canary.isOver], [[], false]);
  canary.record(failed('INTERNAL'), ran(1));
  canary.record(failed('INTERNAL'), ran(1));
  assert.deepEqual([told, canary.isOver], [[{ calls: 20, errors: 2 }], true]);
});
