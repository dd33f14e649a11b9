import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../support/cleanup.js';
import { startDaemon } from '../support/daemon.js';
import { deploySource, logOf } from '../support/functions.js';

import { deployNesting } from '../support/nesting.js';

import { eventually } from '../support/processes.js';

/** Answers each chunk of its input with what another function answers to it; of a plan to wait it does not wait for that answer, and ends. */
const relaying = `export class Handler {
  constructor(private context: any) {}
  async *call(request: any) {
    for await (const chunk of request.chunks) {
      const plan = Buffer.from(chunk).toString();
      const answer = this.context.call('b', plan);
      if (plan.includes('wait')) { for (let part = 0; part < 3; part++) yield Buffer.alloc(200_000); return; }
      yield await answer;
    }
  }
}`;

test('a Handler that streams calls another function for its chunks, also with streams that overlap', async (t) => {
  const daemon = await startDaemon(t);
  await deployNesting(t, daemon, ['b'], { concurrency: 8 });
  await deploySource(t, daemon, 'relay', relaying, { concurrency: 4 });
  const ids = ['one', 'two', 'three', 'four'];
  const seen = await Promise.all(
    ids.map(async (requestId) => {
      const found: string[] = [];
      for await (const chunk of daemon.client.stream('relay', Array(5).fill('{"do":"about"}'), { requestId })) {
        found.push(JSON.parse(Buffer.from(chunk).toString()).id);
      }
      return found;
    }),
  );
  assert.deepEqual(
    seen,
    ids.map((id) => Array(5).fill(id)),
  );
});

test('what a Handler that streams has let go is cancelled when it ends', async (t) => {
  const daemon = await startDaemon(t);
  const flag = join(await temporaryDirectory(t), 'flag');
  await deployNesting(t, daemon, ['b']);
  await deploySource(t, daemon, 'relay', relaying);
  const result = daemon.client.stream('relay', [JSON.stringify({ do: 'wait', flag })], { requestId: 'stream' });
  const chunks = result[Symbol.asyncIterator]();
  assert.equal((await chunks.next()).done, false);
  await eventually('it is cancelled', async () => (await logOf(daemon, 'b', 'stream')).includes('was aborted'));
  for (let part = 1; part < 3; part++) assert.equal((await chunks.next()).done, false);
  assert.equal((await chunks.next()).done, true);
});

test('a nested call of a function that streams has all of its chunks', async (t) => {
  const daemon = await startDaemon(t);
  const counting = 'export class Handler { async *call() { for (let index = 0; index < 1000; index++) yield index + ","; } }';
  await deploySource(t, daemon, 'b', counting);
  const source = "export class Handler { call(request: any) { return request.call('b', ''); } }";
  await deploySource(t, daemon, 'a', source);
  const expected = Array.from({ length: 1_000 }, (_, index) => `${index},`).join('');
  assert.equal(Buffer.from((await daemon.client.invoke('a', '')).output).toString(), expected);
});
