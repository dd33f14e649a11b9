import assert from 'node:assert/strict';
import test from 'node:test';
import { heapLimit } from '../../../src/languages/node/language.js';
import { describeEnd } from '../../../src/pool/replica/end-reason.js';
import { exitInSandbox } from '../../../src/process/process-exit.js';

test('what bubblewrap exits with is the signal that ended the process inside, or its own code', () => {
  assert.deepEqual(exitInSandbox({ code: 139, signal: null }), { code: null, signal: 'SIGSEGV' });
  assert.deepEqual(exitInSandbox({ code: 134, signal: null }), { code: null, signal: 'SIGABRT' });
  assert.deepEqual(exitInSandbox({ code: 137, signal: null }), { code: null, signal: 'SIGKILL' });
  for (const code of [0, 3, 128, 222, 255]) assert.deepEqual(exitInSandbox({ code, signal: null }), { code, signal: null });
  assert.deepEqual(exitInSandbox({ code: null, signal: 'SIGKILL' }), { code: null, signal: 'SIGKILL' });
});

test('an end for memory says which, whatever else was done to the process', () => {
  const exit = { code: null, signal: 'SIGKILL' as const };
  assert.deepEqual(describeEnd({ ...exit, memory: { kind: 'limit', limit: 2 ** 29 } }, { kind: 'stream closed' }), {
    text: 'it used more memory than limits.memory allows: 512 MiB',
    reason: 'memory',
  });
  assert.equal(describeEnd({ code: 222, signal: null, memory: { kind: 'heap' } }, undefined).reason, 'memory');
  assert.equal(describeEnd(exit, undefined).reason, 'signal:SIGKILL');
});

test('the heaps of all workers leave room for the rest of the process', () => {
  const mebibyte = 2 ** 20;
  for (const limit of [64, 128, 512, 1024, 32_768]) {
    for (const workers of [1, 2, 4]) {
      const heap = heapLimit(limit * mebibyte, workers);
      assert.ok(heap >= 8 && heap * workers <= Math.max(limit * 0.9, 8 * workers), `${limit} MiB, ${workers} workers: ${heap}`);
    }
  }
  assert.equal(heapLimit(1024 * mebibyte, 1), 835);
});
