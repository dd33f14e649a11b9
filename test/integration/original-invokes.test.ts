import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, test } from 'node:test';
import { startDaemon } from '../support/daemon.js';
import { deploySource, echoSource, logOf } from '../support/functions.js';
import { invokesClient } from '../support/invokes.js';
import { eventually } from '../support/processes.js';

const owner = { after };
const daemon = await startDaemon(owner);
const open = invokesClient(owner, daemon.url);

await deploySource(owner, daemon, 'echo', echoSource, { concurrency: 8 });
// Waits until there are as many calls as its input says; then the one that came last is answered first.
const unevenSource = `const waiting = [];
export class Handler {
  async call(request) {
    await new Promise((resolve) => {
      waiting.push(resolve);
      if (waiting.length === request.json().together) for (const answer of waiting.splice(0).reverse()) answer();
    });
    return request.input;
  }
}`;
await deploySource(owner, daemon, 'uneven', unevenSource, { concurrency: 16 });
const failingSource = `export class Handler {
  call(request) { if (request.text() === 'bad') throw new Error('no good'); return request.input; }
}`;
await deploySource(owner, daemon, 'failing', failingSource, { concurrency: 16 });
await deploySource(owner, daemon, 'no-queue', echoSource, { queue: { maxSize: 0 } });
const heldSource = `let running = 0;
export class Handler {
  async call({ signal, input }) {
    running += 1;
    console.log('running ' + running);
    await new Promise((resolve) => { signal.addEventListener('abort', resolve, { once: true }); });
    running -= 1;
    console.log('left ' + running);
    return input;
  }
}`;
await deploySource(owner, daemon, 'held', heldSource, { concurrency: 64 });

const countingSource = `export class Handler {
  async *call(request) {
    try {
      for (let index = 0; index < Number(request.text()); index++) {
        if (index % 100 === 99) await new Promise((resolve) => setImmediate(resolve));
        yield request.text() + ': ' + index;
      }
    } finally {
      console.log('left ' + request.text());
    }
  }
}`;
await deploySource(owner, daemon, 'counting', countingSource);
const batchingSource = `export class Handler {
  call(request) { return request.text() + ' 1'; }
  callBatch(requests) { return requests.map((request) => request.text() + ' ' + requests.length); }
}`;
await deploySource(owner, daemon, 'batching', batchingSource, { batch: { maxSize: 8, maxDelay: '100ms' } });

test('answers come in the order of the requests, whichever function each names and however long it takes', async () => {
  const stream = open();
  const inputs = Array.from({ length: 40 }, (_, index) => JSON.stringify({ index, together: 5 }));
  for (const [index, input] of inputs.entries()) await stream.write(index % 2 === 0 ? 'uneven' : 'echo', input);
  stream.end();
  const { code, outputs } = await stream.ended;
  assert.equal(code, 'OK');
  assert.deepEqual(outputs.map(String), inputs);
});

test('bodies come back unchanged: none, every byte, and one of 8 MiB', async () => {
  const stream = open();
  const inputs = [Buffer.alloc(0), Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)), randomBytes(8 * 2 ** 20)];
  for (const input of inputs) await stream.write('echo', input);
  stream.end();
  const { code, outputs } = await stream.ended;
  assert.equal(code, 'OK');
  assert.deepEqual(outputs, inputs);
});

test('a Handler that makes chunks answers with each, in the order of the requests; a plain one beside it with one', async () => {
  const stream = open();
  for (const request of ['3', '0', '2']) {
    await stream.write('counting', request);
    await stream.write('echo', `after ${request}`);
  }
  stream.end();
  const { code, outputs } = await stream.ended;
  assert.equal(code, 'OK');
  assert.deepEqual(outputs.map(String), ['3: 0', '3: 1', '3: 2', 'after 3', 'after 0', '2: 0', '2: 1', 'after 2']);
});

test('chunks reach the client while the Handler goes on, and it ends when the client is gone', async () => {
  const stream = open();
  await stream.write('counting', 'Infinity');
  await stream.came(11);
  assert.equal(String(stream.outputs[10]), 'Infinity: 10');
  stream.cancel();
  await eventually('the Handler has ended', async () => (await logOf(daemon, 'counting')).includes('left Infinity'));
});

test('functions that run calls in batches still do', async () => {
  const stream = open();
  for (let index = 0; index < 12; index++) await stream.write('batching', String(index));
  stream.end();
  const { code, outputs } = await stream.ended;
  assert.equal(code, 'OK');
  assert.deepEqual(
    outputs.map((output) => String(output).split(' ')[0]),
    Array.from({ length: 12 }, (_, index) => String(index)),
  );
  assert.ok(
    outputs.some((output) => Number(String(output).split(' ')[1]) > 1),
    String(outputs),
  );
});

test('a stream in which nothing is asked ends well', async () => {
  const stream = open();
  stream.end();
  const { code, outputs } = await stream.ended;
  assert.deepEqual([code, outputs], ['OK', []]);
});

test('an answer does not wait for the next request', async () => {
  const stream = open();
  for (let index = 0; index < 3; index++) {
    await stream.write('echo', `frame ${index}`);
    await stream.came(index + 1);
  }
  stream.end();
  assert.equal((await stream.ended).outputs.length, 3);
});

test('a call that fails ends the stream with its status, after the answers before it', async () => {
  const stream = open({ 'dcf-request-id': 'camera-7' });
  await stream.write('uneven', '{"together":2}');
  await stream.write('failing', 'bad');
  for (let index = 0; index < 30; index++) await stream.write('echo', 'behind');
  stream.end();
  await eventually('the second has failed', async () => (await daemon.control.describe('failing')).summary?.errors === 1);
  await daemon.client.invoke('uneven', '{"together":2}');
  const { code, details, outputs, trailers } = await stream.ended;
  assert.deepEqual([code, details], ['UNKNOWN', 'no good']);
  assert.deepEqual(outputs.map(String), ['{"together":2}']);
  assert.equal(trailers['dcf-request-id'], 'camera-7-2');
});

test('what Invoke refuses ends the stream as it ends a call', async () => {
  const refusals: [string, Uint8Array | undefined, string][] = [
    ['nobody', Buffer.from('x'), 'NOT_FOUND'],
    ['../x', Buffer.from('x'), 'INVALID_ARGUMENT'],
    ['echo', Buffer.alloc(64 * 2 ** 20 + 1), 'RESOURCE_EXHAUSTED'],
    ['', undefined, 'INVALID_ARGUMENT'],
  ];
  for (const [name, input, expected] of refusals) {
    const stream = open();
    await stream.write('echo', 'before');
    if (input === undefined) stream.writeRaw(Buffer.from([0x12, 0x7f, 1]));
    else await stream.write(name, input);
    const { code, outputs } = await stream.ended;
    assert.equal(code, expected, name);
    assert.deepEqual(outputs.map(String), ['before']);
  }
});

test('at most 16 calls run at once, and no more is read meanwhile; a client that is gone cancels them', async () => {
  const before = (await daemon.control.describe('held')).summary?.calls ?? 0;
  const stream = open();
  for (let index = 0; index < 40; index++) void stream.write('held', randomBytes(256 * 1024));
  await eventually('16 calls run', async () => (await logOf(daemon, 'held')).includes('running 16'));
  // The seventeenth would be there long before a whole other call has come and gone.
  await daemon.client.invoke('echo', 'x');
  const { summary, running, queued } = await daemon.control.describe('held');
  assert.deepEqual([(summary?.calls ?? 0) - before, running, queued], [16, 16, 0]);
  // Three more are on their way: in this client, in its connection and in the daemon's.
  assert.ok(stream.left <= 20, `${stream.left} requests have left, and 16 can run`);
  stream.cancel();
  assert.equal((await stream.ended).code, 'CANCELLED');
  await eventually('every call is cancelled', async () => (await logOf(daemon, 'held')).includes('left 0'));
  await eventually('nothing runs', async () => (await daemon.control.describe('held')).running === 0);
  assert.ok(!(await logOf(daemon, 'held')).includes('running 17'));
});

test('a client that does not read its answers is asked for no more requests', async () => {
  const before = (await daemon.control.describe('echo')).summary?.calls ?? 0;
  const stream = open();
  stream.pause();
  const inputs = Array.from({ length: 200 }, () => randomBytes(512 * 1024));
  const written = (async () => {
    for (const input of inputs) await stream.write('echo', input);
    stream.end();
  })();
  const called = async (): Promise<number> => ((await daemon.control.describe('echo')).summary?.calls ?? 0) - before;
  await eventually('some calls are answered', async () => (await called()) >= 16);
  let last = -1;
  let unchanged = 0;
  await eventually('no more calls are begun', async () => {
    const now = await called();
    unchanged = now === last ? unchanged + 1 : 0;
    last = now;
    return unchanged === 25;
  });
  assert.ok(last < 150, `${last} of 200 calls were begun for a client that reads nothing`);
  stream.resume();
  await written;
  const { code, outputs } = await stream.ended;
  assert.equal(code, 'OK');
  assert.equal(outputs.length, inputs.length);
  assert.ok(outputs.every((output, index) => inputs[index]?.equals(output)));
});

test('a function without a queue is called as often as it has room', async () => {
  const stream = open();
  for (let index = 0; index < 200; index++) await stream.write('no-queue', String(index));
  stream.end();
  const { code, outputs, details } = await stream.ended;
  assert.equal(code, 'OK', details);
  assert.deepEqual(
    outputs.map(String),
    Array.from({ length: 200 }, (_, index) => String(index)),
  );
});

test('a stream ends by its deadline', async () => {
  const stream = open({}, 300);
  await stream.write('held', 'x');
  assert.equal((await stream.ended).code, 'DEADLINE_EXCEEDED');
  await eventually('the call is cancelled', async () => (await daemon.control.describe('held')).running === 0);
});

test('a daemon with a token asks for it once, when the stream begins', async (t) => {
  const guarded = await startDaemon(t, { token: 'sesame' });
  await deploySource(t, guarded, 'echo', echoSource);
  const openGuarded = invokesClient(t, guarded.url);
  for (const headers of [{}, { authorization: 'Bearer wrong' }]) {
    const refused = openGuarded(headers);
    await refused.write('echo', 'x');
    assert.equal((await refused.ended).code, 'UNAUTHENTICATED');
  }
  const stream = openGuarded({ authorization: 'Bearer sesame' });
  await stream.write('echo', 'x');
  stream.end();
  assert.deepEqual((await stream.ended).outputs.map(String), ['x']);
});
