import assert from 'node:assert/strict';
import test from 'node:test';
import { RequestQueue } from '../../../src/grpc/request-queue.js';

/** A queue, and how often the next request was asked for. */
function open(onAsk: (queue: RequestQueue) => void = () => undefined): { queue: RequestQueue; asked: () => number } {
  let asked = 0;
  const queue: RequestQueue = new RequestQueue(() => {
    asked += 1;
    onAsk(queue);
  });
  return { queue, asked: () => asked };
}

const take = (queue: RequestQueue): Promise<IteratorResult<unknown>> => queue[Symbol.asyncIterator]().next();
const gone = new Error('gone');

test('the first request comes without being asked for, and each other one when it is asked for', async () => {
  const { queue, asked } = open();
  queue.push('a');
  assert.deepEqual(await take(queue), { done: false, value: 'a' });
  assert.equal(asked(), 0);
  const second = take(queue);
  assert.equal(asked(), 1);
  queue.push('b');
  assert.deepEqual(await second, { done: false, value: 'b' });
  const third = take(queue);
  queue.end();
  assert.deepEqual(await third, { done: true, value: undefined });
  assert.deepEqual(await take(queue), { done: true, value: undefined });
  assert.equal(asked(), 2);
});

test('a request, the end or an error may come while it is asked for', async () => {
  const pushed = open((queue) => queue.push('b'));
  pushed.queue.push('a');
  await take(pushed.queue);
  assert.deepEqual(await take(pushed.queue), { done: false, value: 'b' });
  const ended = open((queue) => queue.end());
  ended.queue.push('a');
  await take(ended.queue);
  assert.deepEqual(await take(ended.queue), { done: true, value: undefined });
  const failed = open((queue) => queue.fail(gone));
  failed.queue.push('a');
  await take(failed.queue);
  await assert.rejects(take(failed.queue), gone);
});

test('a request that came before the end is taken before it', async () => {
  const { queue, asked } = open();
  queue.push('a');
  queue.end();
  assert.deepEqual(await take(queue), { done: false, value: 'a' });
  assert.deepEqual(await take(queue), { done: true, value: undefined });
  assert.equal(asked(), 0);
});

test('whoever waits gets the error, and whoever comes later; the end changes nothing then', async () => {
  const { queue } = open();
  const waiting = take(queue);
  queue.fail(gone);
  await assert.rejects(waiting, gone);
  queue.end();
  queue.push('late');
  await assert.rejects(take(queue), gone);
});

test('the only request of a call', async () => {
  const one = open((queue) => queue.end());
  one.queue.push('a');
  assert.equal(await one.queue.only(), 'a');
  const none = open();
  none.queue.end();
  await assert.rejects(none.queue.only(), { name: 'StatusError', code: 'UNIMPLEMENTED' });
  const two = open((queue) => queue.push('b'));
  two.queue.push('a');
  await assert.rejects(two.queue.only(), { name: 'StatusError', code: 'UNIMPLEMENTED' });
});
