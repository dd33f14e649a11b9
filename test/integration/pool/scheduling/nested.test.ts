import assert from 'node:assert/strict';
import test from 'node:test';
import { type CallFunction, chainOf } from '../../../../src/pool/calls/nested-call.js';
import { startPool } from '../../../support/pool.js';

const calling = `
export class Handler {
  constructor(context) { this.context = context; }
  async call(request) {
    try { return await this.context.call('other', request.input, { metadata: { Key: 'own' } }); }
    catch (error) { return error.code + ': ' + error.message; }
  }
}`;

test('what a Handler asks for comes with the call that it is made for, and its end is told', async (t) => {
  const seen: string[] = [];
  const callFunction: CallFunction = ({ nested, function: name, input, metadata }, settle) => {
    seen.push(`${nested.parent.invocation.requestId} ${chainOf(nested.parent).join()} ${name} ${JSON.stringify(metadata)}`);
    settle({ ok: true, output: Buffer.from(`${name} got ${Buffer.from(input)}`), kind: 'bytes', headroom: 0, release: () => undefined });
  };
  const { call } = await startPool(t, calling, { callFunction });
  assert.equal(await call('this', { requestId: 'r7' }).text, 'other got this');
  assert.deepEqual(seen, ['r7 tested other {"key":"own"}']);
});

test('without a daemon there are no other functions', async (t) => {
  const { call } = await startPool(t, calling);
  assert.match(await call('this').text, /^FAILED_PRECONDITION: other was not called: only a function in a daemon can call others/);
});
