import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { allowedLatenessMs, Ledger } from '../../../support/faults/ledger.js';

/** Keeps this thread from running anything, its own timers included. */
function block(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

test('a call that is answered once and in time is no problem', () => {
  const ledger = new Ledger();
  ledger.begin('a', 1_000).settle();
  assert.deepEqual(ledger.problems(), []);
  assert.equal(ledger.calls, 1);
});

test('a second answer, a missing one and a late one are problems', async () => {
  const ledger = new Ledger();
  const twice = ledger.begin('twice', 1_000);
  twice.settle();
  twice.settle();
  ledger.begin('never', 60_000);
  const late = ledger.begin('late', 10);
  await sleep(10 + 2 * allowedLatenessMs);
  late.settle();
  const problems = ledger.problems();
  ledger.close();
  assert.equal(problems.length, 3, problems.join('; '));
  assert.match(problems[0] ?? '', /^call 1 \(twice\) was answered 2 times$/);
  assert.match(problems[1] ?? '', /^call 3 \(late\) was answered \d+ ms after its deadline$/);
  assert.match(problems[2] ?? '', /^call 2 \(never\) was never answered$/);
});

test('the time by which this process itself is late is no problem', async () => {
  const ledger = new Ledger();
  const before = ledger.begin('answered before the timer could run', 10);
  const after = ledger.begin('answered after it', 10);
  block(10 + 2 * allowedLatenessMs);
  before.settle();
  await sleep(0);
  after.settle();
  assert.deepEqual(ledger.problems(), []);
});

test('an answer that is a promise is followed, and handed on', async () => {
  const ledger = new Ledger();
  await assert.rejects(ledger.follow('rejected', 1_000, Promise.reject(new Error('no'))), /no/);
  assert.equal(await ledger.follow('resolved', 1_000, Promise.resolve(3)), 3);
  assert.deepEqual(ledger.problems(), []);
});

test('the time for which the daemon waited for a processor after the deadline is no problem', async () => {
  let waited = 5_000;
  const ledger = new Ledger(() => waited);
  const starved = ledger.begin('the daemon waited all that time', 10);
  const slow = ledger.begin('it waited less', 10);
  await sleep(10 + 2 * allowedLatenessMs);
  waited += 2 * allowedLatenessMs;
  starved.settle();
  waited -= 2 * allowedLatenessMs;
  slow.settle();
  assert.match(ledger.problems().join(), /^call 2 \(it waited less\) was answered \d+ ms after its deadline$/);
});
