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
