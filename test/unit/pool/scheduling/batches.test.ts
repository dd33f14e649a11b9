import assert from 'node:assert/strict';
import test from 'node:test';
import { failureOf, startPool } from '../../../support/pool.js';

/** Answers each call with the size of its batch and its place in it. */
const counting = `
export class Handler {
  call(request) { return 'alone ' + request.text(); }
  callBatch(requests) { return requests.map((request, index) => request.text() + ' ' + index + '/' + requests.length); }
}`;

/** The first batch takes until the file "go" is there; what is queued meanwhile shows how batches are put together. */
const slowFirst = `
import { existsSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
const folder = new URL('.', import.meta.url).pathname;
let first = true;
export class Handler {
  call() {}
  async callBatch(requests) {
    if (first) {
      first = false;
      writeFileSync(join(folder, 'begun'), '');
      await new Promise((resolve) => {
        const watcher = watch(folder, () => { if (existsSync(join(folder, 'go'))) { watcher.close(); resolve(); } });
        if (existsSync(join(folder, 'go'))) { watcher.close(); resolve(); }
      });
    }
    return requests.map((request) => {
      if (request.text() === 'bad') return new Error('a bad one');
      if (request.text() === 'wrong') return undefined;
      return String(requests.length);
    });
  }
}`;

async function heldPool(t: test.TestContext, settings: Parameters<typeof startPool>[2]) {
  const { existsSync, writeFileSync } = await import('node:fs');
  const { join } = await import('node:path');
  const { eventually } = await import('../../../support/processes.js');
  const tested = await startPool(t, slowFirst, settings);
  const first = tested.call('first');
  await eventually('the first batch runs', () => existsSync(join(tested.folder, 'begun')));
  return { ...tested, first, go: () => writeFileSync(join(tested.folder, 'go'), '') };
}

test('calls of one turn are one batch, in order, and each gets its own reply', async (t) => {
  const { call, pool } = await startPool(t, counting, { batch: { maxSize: 4 } });
  const texts = await Promise.all(['a', 'b', 'c'].map((name) => call(name).text));
  assert.deepEqual(texts, ['a 0/3', 'b 1/3', 'c 2/3']);
  assert.equal(pool.batchSizes[3], 1);
});

test('a single call is a batch of one, and nobody waits for others when maxDelay is 0', async (t) => {
  const { call } = await startPool(t, counting, { batch: { maxSize: 100 } });
  assert.equal(await call('only').text, 'only 0/1');
});

test('what is queued goes together, at most maxSize at once', async (t) => {
  const { call, first, go, pool } = await heldPool(t, { batch: { maxSize: 3 } });
  const rest = Array.from({ length: 7 }, (_, index) => call(`call ${index}`));
  go();
  assert.equal(await first.text, '1');
  assert.deepEqual(await Promise.all(rest.map(({ text }) => text)), ['3', '3', '3', '3', '3', '3', '1']);
  assert.deepEqual([pool.batchSizes[1], pool.batchSizes[3]], [2, 2]);
  assert.equal((await rest[0]?.report)?.batchSize, 3);
});

test('a batch is bounded by the bytes of one payload', async (t) => {
  const { call, first, go } = await heldPool(t, { batch: { maxSize: 10 }, limits: { payload: 100 } });
  const rest = [60, 30, 60, 60, 100].map((length) => call('x'.repeat(length)));
  go();
  await first.text;
  assert.deepEqual(await Promise.all(rest.map(({ text }) => text)), ['2', '2', '1', '1', '1']);
});

test('one bad item fails alone', async (t) => {
  const { call, first, go } = await heldPool(t, { batch: { maxSize: 10 } });
  const [good, bad, wrong] = [call('good'), call('bad'), call('wrong')];
  go();
  await first.text;
  assert.equal(await good.text, '3');
  const error = failureOf(await bad.outcome);
  assert.deepEqual([error.code, error.message], ['UNKNOWN', 'a bad one']);
  assert.match(failureOf(await wrong.outcome).message, /returned nothing \(undefined\)/);
});

test('a call that is cancelled or late while it waits is in no batch', async (t) => {
  const { call, first, go } = await heldPool(t, { batch: { maxSize: 10 } });
  const [kept, cancelled, late] = [call('kept'), call('cancelled'), call('late', { timeoutMs: 20 })];
  cancelled.cancel();
  assert.equal(failureOf(await cancelled.outcome).code, 'CANCELLED');
  assert.match(failureOf(await late.outcome).message, /passed in the queue/);
  go();
  await first.text;
  assert.equal(await kept.text, '1');
});

for (const [what, body, message] of [
  ['throws', 'throw new Error("all of it")', /all of it/],
  ['rejects', 'return Promise.reject(new Error("all of it"))', /all of it/],
  ['returns too few', 'return ["one"]', /callBatch returned 1 replies for 2 requests/],
  ['returns nothing', '', /callBatch returned a undefined for 2 requests/],
] as const) {
  test(`a callBatch that ${what} fails every call of the batch, and the worker is kept`, async (t) => {
    const source = `export class Handler { call() {} callBatch(requests) { if (requests.length === 1) return ['fine']; ${body} } }`;
    const { call, pool } = await startPool(t, source, { batch: { maxSize: 4 } });
    const pid = pool.snapshot().replicas[0]?.pid;
    for (const { outcome } of [call('a'), call('b')]) assert.match(failureOf(await outcome).message, message);
    assert.equal(await call('next').text, 'fine');
    assert.equal(pool.snapshot().replicas[0]?.pid, pid);
  });
}

test('with maxDelay a call waits for others, but no longer than that', async (t) => {
  const { call } = await startPool(t, counting, { batch: { maxSize: 2, maxDelay: '10m' } });
  const first = call('first');
  // A later turn of the event loop: without the delay the first would have gone alone.
  await new Promise((resolve) => setTimeout(resolve, 20));
  const second = call('second');
  assert.deepEqual([await first.text, await second.text], ['first 0/2', 'second 1/2']);
  const short = await startPool(t, counting, { batch: { maxSize: 2, maxDelay: '30ms' } });
  const lone = short.call('lone');
  assert.equal(await lone.text, 'lone 0/1');
  assert.ok((await lone.report).queueMs >= 29, 'it did wait');
});

test('a call whose deadline is nearer than maxDelay does not wait for others until it has passed', async (t) => {
  const { call } = await startPool(t, counting, { batch: { maxSize: 2, maxDelay: '10m' } });
  const patient = call('patient', { timeoutMs: 60_000 });
  assert.equal(await call('hurried', { timeoutMs: 5_000 }).text, 'hurried 1/2');
  assert.equal(await patient.text, 'patient 0/2');
  assert.equal(await call('alone', { timeoutMs: 1_000 }).text, 'alone 0/1');
});

test('a call with a near deadline ends the wait of those before it', async (t) => {
  const { call } = await startPool(t, counting, { batch: { maxSize: 3, maxDelay: '10m' } });
  const patient = call('patient');
  const hurried = call('hurried', { timeoutMs: 1_000 });
  assert.deepEqual([await patient.text, await hurried.text], ['patient 0/2', 'hurried 1/2']);
});

test('a worker that becomes free takes along what comes in the same turn', async (t) => {
  const { call, first, go } = await heldPool(t, { batch: { maxSize: 4, maxDelay: '0ms' } });
  const waiting = call('waited');
  const again = first.text.then(() => call('again').text);
  go();
  assert.deepEqual(await Promise.all([waiting.text, again]), ['2', '2']);
});

test('maxDelay is counted from when a worker is free, also for a call that has waited for longer', async (t) => {
  const { call, first, go } = await heldPool(t, { batch: { maxSize: 2, maxDelay: '500ms' } });
  const waiting = call('waited');
  await new Promise((resolve) => setTimeout(resolve, 600));
  go();
  await first.text;
  // A turn later than the worker became free.
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  assert.deepEqual(await Promise.all([waiting.text, call('late').text]), ['2', '2']);
});

test('a Handler without callBatch gets its calls one by one', async (t) => {
  const { call } = await startPool(t, 'export class Handler { call(request) { return request.text(); } }', { batch: { maxSize: 8 } });
  assert.deepEqual(await Promise.all(['a', 'b', 'c'].map((name) => call(name).text)), ['a', 'b', 'c']);
});

test('without batch.maxSize callBatch is never used', async (t) => {
  const { call } = await startPool(t, counting);
  assert.deepEqual(await Promise.all(['a', 'b'].map((name) => call(name).text)), ['alone a', 'alone b']);
});

test('a replica that dies under a batch fails all of its calls; those that waited are answered', async (t) => {
  const source = `export class Handler { call() {} callBatch(requests) { if (requests.some((r) => r.text() === 'die')) process.exit(7); return requests.map(() => 'alive'); } }`;
  const { call } = await startPool(t, source, { batch: { maxSize: 2 } });
  const calls = ['die', 'with', 'next'].map((name) => call(name));
  for (const { outcome } of calls.slice(0, 2)) {
    const error = failureOf(await outcome);
    assert.deepEqual([error.code, error.reason], ['INTERNAL', 'exit:7']);
  }
  assert.equal(await calls[2]?.text, 'alive');
});
