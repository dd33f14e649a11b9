import assert from 'node:assert/strict';
import { getEventListeners, once } from 'node:events';
import test from 'node:test';
import { status } from '@grpc/grpc-js';
import { refusal } from '../../support/refusal.js';
import { controlOf } from './control-server.js';

test('all entries come in order, even more than are buffered, and the query reaches the daemon', async (t) => {
  let asked: unknown;
  const client = await controlOf(t, {
    Logs: (call) => {
      asked = call.request;
      for (let time = 1; time <= 500; time++)
        call.write({ time, level: 'info', text: `entry ${time}`, callId: 'c-1', replica: 2, worker: 1 });
      call.end();
    },
  });
  const times: number[] = [];
  for await (const { time } of client.logs({ name: 'digits', since: 5, callId: 'c-1', tail: 500 })) {
    times.push(time);
    // A reader that is slower than the daemon loses nothing.
    if (time % 50 === 0) await new Promise(setImmediate);
  }
  assert.deepEqual(
    times,
    Array.from({ length: 500 }, (_, index) => index + 1),
  );
  assert.deepEqual(asked, { name: 'digits', follow: false, since: 5, callId: 'c-1', revision: '', tail: 500, _tail: 'tail' });
});

test('follow: entries come as they are written, and leaving the loop ends it at the daemon', async (t) => {
  let cancelled: Promise<unknown> | undefined;
  let write: (time: number) => void = () => undefined;
  const client = await controlOf(t, {
    Logs: (call) => {
      cancelled = once(call, 'cancelled');
      write = (time) => call.write({ time, text: `entry ${time}` });
      write(1);
    },
  });
  const seen: string[] = [];
  for await (const { time, text } of client.logs({ name: 'digits', follow: true })) {
    seen.push(text);
    if (time === 3) break;
    write(time + 1);
  }
  assert.deepEqual(seen, ['entry 1', 'entry 2', 'entry 3']);
  await cancelled;
});

test('abort ends a follow that waits, and leaves no listener', async (t) => {
  const controller = new AbortController();
  let cancelled: Promise<unknown> | undefined;
  const client = await controlOf(t, {
    Logs: (call) => {
      cancelled = once(call, 'cancelled');
      call.write({ time: 1 });
    },
  });
  const entries = client.logs({ name: 'digits', follow: true, signal: controller.signal });
  assert.equal((await entries.next()).done, false);
  const waiting = entries.next();
  controller.abort();
  assert.equal((await refusal(waiting)).code, 'CANCELLED');
  await cancelled;
  assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
});

test('an error ends the loop with what the daemon says', async (t) => {
  const client = await controlOf(t, {
    Logs: (call) => call.emit('error', { code: status.NOT_FOUND, details: 'there is no function "x"' }),
  });
  const error = await refusal(client.logs({ name: 'x' }).next());
  assert.deepEqual([error.code, error.message], ['NOT_FOUND', 'there is no function "x"']);
});

test('an error in the middle, and close: what came before is there', async (t) => {
  const client = await controlOf(t, {
    Logs: (call) => {
      call.write({ text: 'first' });
      if (!call.request.follow) call.emit('error', { code: status.INTERNAL, details: 'the log cannot be read' });
    },
  });
  const broken = client.logs({ name: 'x' });
  assert.equal((await broken.next()).value?.text, 'first');
  const error = await refusal(broken.next());
  assert.deepEqual([error.code, error.message], ['INTERNAL', 'the log cannot be read']);
  const followed = client.logs({ name: 'x', follow: true });
  await followed.next();
  const waiting = followed.next();
  client.close();
  assert.deepEqual((await refusal(waiting)).message, 'the client was closed');
});
