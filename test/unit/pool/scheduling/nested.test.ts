import assert from 'node:assert/strict';
import test from 'node:test';
import { type CallFunction, chainOf, NestedCall } from '../../../../src/pool/calls/nested-call.js';
import type { FunctionPool } from '../../../../src/pool/function-pool.js';
import { holding, letGo, looseCall, startPool, startsIn } from '../../../support/pool.js';
import { eventually } from '../../../support/processes.js';

const calling = `
export class Handler {
  constructor(context) { this.context = context; }
  async call(request) {
    try { return await this.context.call('other', request.input, { metadata: { Key: 'own' } }); }
    catch (error) { return error.code + ': ' + error.message; }
  }
}`;

/** What another Handler of the pool waits for. */
const origin = (pool: FunctionPool): NestedCall => new NestedCall(looseCall(pool, 'outer'), 1);

test('nested calls go in front of those from outside; none is sent ahead, and nothing ahead of them', async (t) => {
  const { call, folder, pool } = await startPool(t, holding);
  await Promise.all(Array.from({ length: 30 }, () => call('quick').text));
  const held = call('hold a');
  await eventually('it runs', async () => (await startsIn(folder)).includes('hold a'));
  const nested = ['n1', 'n2'].map((name) => call(name, { origin: origin(pool) }));
  const outside = ['o1', 'o2'].map((name) => call(name));
  nested.push(call('n3', { origin: origin(pool) }));
  assert.deepEqual([pool.running, pool.queued], [1, 5]);
  await letGo(folder, 'a');
  await Promise.all([held, ...nested, ...outside].map(({ text }) => text));
  assert.deepEqual((await startsIn(folder)).slice(-6), ['hold a', 'n1', 'n2', 'n3', 'o1', 'o2']);
  assert.equal((await nested[0]?.report)?.caller, 'tested');
  assert.equal((await outside[0]?.report)?.caller, undefined);
});

test('a nested call that waits is not sent ahead either when another takes the slot that became free', async (t) => {
  const { call, folder, pool } = await startPool(t, holding, { concurrency: 2 });
  await Promise.all(Array.from({ length: 30 }, () => call('quick').text));
  // Short, so that one more call would be sent ahead.
  const calls = [call('hold a'), call('block 20')];
  calls.push(...['hold n1', 'n2'].map((name) => call(name, { origin: origin(pool) })), call('o1'));
  await eventually('the first nested call has begun', async () => (await startsIn(folder)).includes('hold n1'));
  assert.deepEqual([pool.running, pool.queued], [2, 2]);
  for (const name of ['a', 'n1']) await letGo(folder, name);
  await Promise.all(calls.map(({ text }) => text));
});

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
