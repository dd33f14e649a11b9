import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Request } from '@dcf/sdk';
import type { InProcessOptions, TestedFunction } from '@dcf/sdk/testing';
import { defer } from '../../../../../src/core/promises.js';
import { startInProcess } from '../../../../../src/runtimes/node/testing/in-process.js';

async function start(t: TestContext, value: unknown, options: Partial<InProcessOptions> = {}): Promise<TestedFunction> {
  const tested = await startInProcess({
    function: 'tested',
    handler: { kind: 'given', value },
    parameters: {},
    resources: {},
    providers: ['cpu'],
    devices: [],
    functions: {},
    concurrency: 1,
    maxBatch: 8,
    maxPayload: 8,
    timeoutMs: 5_000,
    onLog: () => undefined,
    ...options,
  });
  t.after(() => tested.close());
  return tested;
}

class Batching {
  call(): string {
    throw new Error('batches go to callBatch');
  }

  callBatch(requests: readonly Request[]): string[] {
    return requests.map((request) => `${request.text()} of ${requests.length}`);
  }
}

function shown(results: Awaited<ReturnType<TestedFunction['callBatch']>>): string[] {
  return results.map((result) => (result.status === 'fulfilled' ? result.value.text() : result.reason.code));
}

test('an input over the limit fails its own call of a batch alone, and the next batch finds the slot free', async (t) => {
  const tested = await start(t, Batching);
  assert.deepEqual(shown(await tested.callBatch(['a', 'far too long', 'b', 'far too long'])), [
    'a of 2',
    'RESOURCE_EXHAUSTED',
    'b of 2',
    'RESOURCE_EXHAUSTED',
  ]);
  assert.deepEqual(shown(await tested.callBatch(['far too long'])), ['RESOURCE_EXHAUSTED']);
  assert.deepEqual(shown(await tested.callBatch([])), []);
  assert.deepEqual(shown(await tested.callBatch(['c'])), ['c of 1']);
});

test('a timeout that is none takes no slot', async (t) => {
  const tested = await start(t, Batching);
  await assert.rejects(tested.call('a', { timeout: -1 }), { code: 'INVALID_ARGUMENT' });
  await assert.rejects(tested.callBatch(['a'], { timeout: -1 }), { code: 'INVALID_ARGUMENT' });
  assert.equal((await tested.call('b')).text(), 'b of 1');
});

test('a call that waits for a slot when the function is closed never reaches the Handler', async (t) => {
  const inputs: string[] = [];
  const begun = defer<void>();
  const tested = await start(t, (request: Request) => {
    inputs.push(request.text());
    begun.resolve();
    return new Promise<string>((resolve) => request.signal.addEventListener('abort', () => resolve('late')));
  });
  const running = tested.call('a');
  await begun.promise;
  const waiting = tested.call('b');
  const ends = Promise.allSettled([running, waiting]);
  await tested.close();
  assert.deepEqual(
    (await ends).map((end) => (end.status === 'rejected' ? end.reason.code : 'answered')),
    ['CANCELLED', 'FAILED_PRECONDITION'],
  );
  assert.deepEqual(inputs, ['a']);
});
