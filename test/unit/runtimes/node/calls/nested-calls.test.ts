import assert from 'node:assert/strict';
import test from 'node:test';
import { NestedCalls } from '../../../../../src/runtimes/node/calls/nested-calls.js';
import type { Message } from '../../../../../src/wire/messages.js';

function calls() {
  const sent: Message[] = [];
  const nested = new NestedCalls({ function: 'tested', maxPayload: 100, send: (message) => void sent.push(message) });
  const told = () => sent.map((message) => `${message.type} ${'id' in message ? message.id : ''}`);
  const fail = (id: number) =>
    nested.answered({ type: 'ERROR', id, code: 'NOT_FOUND', message: 'b: is gone', stack: '', reason: undefined });
  return { nested, sent, told, fail };
}

const bytes = Buffer.from('output');

test('answers come in any order; a number is used again once it is answered', async () => {
  const { nested, told, fail } = calls();
  const [one, two] = [nested.call(7, 'b', 'x'), nested.call(7, 'b', 'y')];
  nested.answered({ type: 'RESULT', id: 2, body: bytes });
  assert.equal(await two, bytes);
  const three = nested.call(8, 'c', 'z');
  fail(1);
  await assert.rejects(one, { name: 'DcfError', code: 'NOT_FOUND', message: 'b: is gone' });
  nested.answered({ type: 'RESULT', id: 2, body: bytes });
  assert.equal(await three, bytes);
  assert.deepEqual(told(), ['NESTED_CALL 1', 'NESTED_CALL 2', 'NESTED_CALL 2']);
  assert.throws(() => fail(1), /the daemon answered the nested call 1, which was not made/);
  assert.throws(() => fail(99), /which was not made/);
});

test('a call that is given up is told, rejects at once, and keeps its number until it is answered', async () => {
  const { nested, told, fail } = calls();
  const controller = new AbortController();
  const given = nested.call(7, 'b', '', { signal: controller.signal });
  const reason = new Error('enough');
  controller.abort(reason);
  await assert.rejects(given, { code: 'CANCELLED', cause: reason });
  const other = nested.call(7, 'b', '');
  fail(1);
  nested.answered({ type: 'RESULT', id: 2, body: bytes });
  await other;
  assert.deepEqual(told(), ['NESTED_CALL 1', 'CANCEL 1', 'NESTED_CALL 2']);
  await assert.rejects(nested.call(7, 'b', '', { signal: controller.signal }), { code: 'CANCELLED' });
  assert.equal(told().length, 3, 'one that was aborted before is not sent');
});

test('what is not in order is refused here, and nothing is sent', async () => {
  const { nested, sent } = calls();
  await assert.rejects(nested.call(0, 'b', ''), { code: 'FAILED_PRECONDITION' });
  await assert.rejects(nested.call(1, 'b', 'x'.repeat(101)), { code: 'RESOURCE_EXHAUSTED' });
  await assert.rejects(nested.call(1, 'b', '', { timeout: -1 }), { code: 'INVALID_ARGUMENT' });
  assert.deepEqual(sent, []);
});

test('the errors of calls are known, so that one that nobody waits for costs no replica; and none is left when the daemon goes', async () => {
  const { nested, fail } = calls();
  const failing = nested.call(1, 'b', '').catch((error: unknown) => error);
  fail(1);
  assert.equal(nested.hasThrown(await failing), true);
  assert.equal(nested.hasThrown(new Error('another')), false);
  const left = nested.call(1, 'b', '');
  nested.giveUp();
  await assert.rejects(left, { code: 'CANCELLED' });
});
