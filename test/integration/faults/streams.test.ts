import assert from 'node:assert/strict';
import { Client } from '@dcf/sdk';
import { encodeStreamStart } from '@dcf/sdk/contract';
import { defer } from '../../../src/core/promises.js';
import { faults } from '../../support/faults/fault-matrix.js';
import type { DaemonScene } from '../../support/faults/scene.js';
import { eventually } from '../../support/processes.js';
import { rawStream } from '../../support/raw-stream.js';
import { readAll, type Streamed, streamingSource } from '../../support/streams.js';

/** Streams to the function under fault, over a connection that goes with the row; the ledger has the call. */
async function stream(scene: DaemonScene, what: string, input?: AsyncIterable<string>, onChunk?: () => void): Promise<Streamed> {
  const client = new Client(scene.daemon.url);
  scene.after(() => client.close());
  const result = client.stream(scene.name, input, { metadata: { do: what } });
  return await scene.ledger.follow(`stream of ${what}`, 30_000, readAll(result, onChunk));
}

const running = (scene: DaemonScene, count: number): Promise<void> =>
  eventually(`${count} calls run`, async () => (await scene.daemon.control.describe(scene.name)).running === count);

/** One chunk, and then nothing. */
async function* oneChunk(signal: AbortSignal): AsyncGenerator<string> {
  yield 'one';
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
}

faults('Streams', {}, (row) => {
  row(
    'A client vanishes while its stream goes on in both directions',
    "The Handler's signal fires, its generator returns, the slot is free",
    async (scene) => {
      await scene.deploy(streamingSource, { concurrency: 16 });
      const [worker] = await scene.replicas();
      const raws = ['echo', 'count 100000 1000', 'hang', 'never'].map((what) => rawStream(scene, scene.daemon.url, { do: what }));
      for (const { send } of raws) send(encodeStreamStart({ function: scene.name, input: undefined }));
      await running(scene, raws.length);
      for (const { session } of raws) session.destroy();
      await running(scene, 0);
      assert.deepEqual((await stream(scene, 'count 2 1')).texts, ['0', '1']);
      assert.deepEqual(await scene.replicas(), [worker]);
    },
  );

  row(
    'A worker is killed while streams go on in it',
    'INTERNAL with the reason, after the chunks that came before; the replica is replaced',
    async (scene) => {
      await scene.deploy(streamingSource, { concurrency: 16 });
      const controller = scene.controller();
      const chunks = { first: defer<void>(), one: defer<void>() };
      const streams = [
        stream(scene, 'hang', undefined, chunks.first.resolve),
        stream(scene, 'echo', oneChunk(controller.signal), chunks.one.resolve),
        stream(scene, 'never'),
      ];
      await running(scene, streams.length);
      await Promise.all([chunks.first.promise, chunks.one.promise]);
      process.kill(await scene.replica(), 'SIGKILL');
      const ended = await Promise.all(streams);
      for (const { error } of ended) assert.deepEqual([error?.code, error?.reason], ['INTERNAL', 'signal:SIGKILL']);
      assert.deepEqual(
        ended.map(({ texts }) => texts.join()),
        ['first', 'one', ''],
      );
      assert.deepEqual((await stream(scene, 'count 2 1')).texts, ['0', '1']);
    },
  );

  row(
    'A stream falls silent, and its Handler heeds no signal',
    'DEADLINE_EXCEEDED after `timeout` without a chunk in either direction; after the grace the replica is replaced',
    async (scene) => {
      await scene.deploy(streamingSource, { concurrency: 16, timeout: '1s' });
      const before = await scene.replica();
      const { error, texts } = await stream(scene, 'deaf');
      assert.deepEqual([error?.code, texts], ['DEADLINE_EXCEEDED', ['first']]);
      assert.match(error?.message ?? '', /nothing moved on the stream in either direction/);
      await eventually('it is replaced', async () => (await scene.replicas()).some((pid) => pid !== before));
      assert.deepEqual((await stream(scene, 'count 2 1')).texts, ['0', '1']);
    },
  );
});
