import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startDaemon } from '../support/daemon.js';
import { eventually } from '../support/processes.js';
import { deployStreaming, readAll } from '../support/streams.js';

const owner = { after };
const daemon = await startDaemon(owner);
await deployStreaming(owner, daemon, 'streaming', { limits: { payload: '16MiB' } });

const mebibyte = 2 ** 20;
const stream = (what: string, input?: Parameters<typeof daemon.client.stream>[1]) =>
  daemon.client.stream('streaming', input, { metadata: { do: what } });

/** Bytes that a process has in memory. */
async function residentBytes(pid: number): Promise<number> {
  return 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, 'latin1'))?.[1]);
}

/** The most that a process has in memory while something goes on. */
async function peakDuring(pid: number, task: () => Promise<void>): Promise<number> {
  let peak = 0;
  let over = false;
  const watching = (async () => {
    while (!over) {
      peak = Math.max(peak, await residentBytes(pid));
      await sleep(10);
    }
  })();
  await task();
  over = true;
  await watching;
  return peak;
}

/** A number of bytes in chunks of one length, and how many of them were taken. */
function source(chunkLength: number, total: number) {
  const taken = { bytes: 0 };
  function* chunks(): Generator<Uint8Array> {
    for (; taken.bytes < total; taken.bytes += chunkLength) yield new Uint8Array(chunkLength);
  }
  return { taken, chunks: chunks() };
}

/** Resolves when so many bytes have gone through a stream of their own: what was not held up took as many meanwhile. */
async function passOn(chunkLength: number, total: number): Promise<void> {
  const { chunks, taken } = source(chunkLength, total);
  assert.deepEqual((await readAll(stream('total 0', chunks))).texts, [String(taken.bytes)]);
}

for (const [what, length] of [
  ['small chunks', 100],
  ['chunks of 64 KiB', 65_536],
  ['chunks of 8 MiB', 8 * mebibyte],
] as const) {
  test(`a Handler that does not read holds up the sender: ${what}`, async () => {
    const controller = new AbortController();
    const { taken, chunks } = source(length, Number.POSITIVE_INFINITY);
    const options = { metadata: { do: 'never' }, signal: controller.signal };
    const reading = readAll(daemon.client.stream('streaming', chunks, options));
    await eventually('it runs', async () => (await daemon.control.describe('streaming')).running === 1);
    // What the worker has credit for, what HTTP/2 takes, what the client gathers; of long chunks one at each of these places.
    const most = 2 * mebibyte + 4 * length;
    await passOn(length, 4 * most);
    const { bytes } = taken;
    controller.abort();
    assert.equal((await reading).error?.code, 'CANCELLED');
    assert.ok(bytes > 0 && bytes <= most, `${bytes} bytes were taken`);
  });
}

test('a slow Handler gets all of it', async () => {
  const { chunks, taken } = source(65_536, 64 * 65_536);
  assert.deepEqual((await readAll(stream('total 2', chunks))).texts, [String(64 * 65_536)]);
  assert.equal(taken.bytes, 64 * 65_536);
});

test('a slow reader gets every byte, and the memory of daemon and worker does not grow by what it has not read', async (t) => {
  if (process.platform !== 'linux') {
    t.skip('needs /proc');
    return;
  }
  const [replica] = (await daemon.control.describe('streaming')).replicas;
  const read = async (count: number, pauseEvery: number): Promise<void> => {
    let bytes = 0;
    let chunks = 0;
    for await (const chunk of stream(`count ${count} 65536`)) {
      assert.equal(Buffer.from(chunk).toString('latin1', 65_520).replace(/^\.+/, ''), String(chunks));
      bytes += chunk.length;
      chunks += 1;
      if (chunks % pauseEvery === 0) await sleep(5);
    }
    assert.equal(bytes, count * 65_536);
  };
  // V8 lets some garbage of a busy process lie; only a stream that is read at once shows how much.
  const pids = [daemon.pid, replica?.pid ?? 0];
  const before = await Promise.all(pids.map((pid) => peakDuring(pid, () => read(1_000, 1_000))));
  const peaks = await Promise.all(pids.map((pid) => peakDuring(pid, () => read(2_000, 8))));
  for (const [index, who] of ['the daemon', 'the worker'].entries()) {
    const growth = ((peaks[index] ?? 0) - (before[index] ?? 0)) / mebibyte;
    t.diagnostic(`${who}: ${growth.toFixed(1)} MiB more for 125 MiB, twice at once`);
    assert.ok(growth < 32, `${who} grew by ${growth} MiB`);
  }
});

test('a stream that nobody reads holds up the Handler and no other call', async () => {
  const held = stream('count 100000 65536')[Symbol.asyncIterator]();
  await held.next();
  assert.equal((await readAll(stream('count 1000 100'))).texts.length, 1_000);
  assert.equal(String(Buffer.from((await daemon.client.invoke('streaming', 'echo')).output)), 'echo');
  await held.return(undefined);
  await eventually('its slot is free', async () => (await daemon.control.describe('streaming')).running === 0);
});
