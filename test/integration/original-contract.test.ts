import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startDaemon } from '../support/daemon.js';
import { deploySource, echoSource } from '../support/functions.js';
import { countOf, messageOf, oldClient } from '../support/old-client.js';

const owner = { after };
const daemon = await startDaemon(owner);
const call = await oldClient(owner, daemon.url);
const callBinary = await oldClient(owner, daemon.url, 'bytes');
const { revision } = await deploySource(owner, daemon, 'echo', echoSource);
await deploySource(owner, daemon, 'other', 'export class Handler { call() { throw new Error("never works"); } }');

test('an old client gets text as the string that it expects', async () => {
  const Input = Buffer.from('Grüße, 世界');
  assert.deepEqual(await call('Invoke', { Service: 'echo', Input }), { code: 'OK', reply: { Msg: 'Grüße, 世界' } });
  assert.deepEqual(await call('Invoke', { Service: 'echo', Input: Buffer.alloc(0) }), { code: 'OK', reply: { Msg: '' } });
});

test('a client that declares bytes gets a binary result unchanged', async () => {
  const Input = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  assert.deepEqual(await callBinary('Invoke', { Service: 'echo', Input }), { code: 'OK', reply: { Msg: Input } });
});

test('List names every function with its image, calls and replicas', async () => {
  await call('Invoke', { Service: 'echo', Input: Buffer.from('one more') });
  await call('Invoke', { Service: 'other', Input: Buffer.alloc(0) });
  const { functions } = { functions: await daemon.control.list() };
  const expected = functions.map((summary) => ({
    Name: summary.name,
    Image: `${summary.name}@${summary.revision}`,
    InvocationCount: summary.calls,
    Replicas: 1,
    AvailableReplicas: 1,
    Annotations: {},
    Labels: {},
  }));
  assert.deepEqual(
    expected.map(({ Name }) => Name),
    ['echo', 'other'],
  );
  assert.ok(expected.every(({ InvocationCount }) => InvocationCount > 0));
  assert.deepEqual(await call('List', {}), { code: 'OK', reply: { Functions: expected } });
});

test('GetMeta tells one function, and counts its calls', async () => {
  const before = await call('GetMeta', { FunctionName: 'echo' });
  await call('Invoke', { Service: 'echo', Input: Buffer.alloc(1) });
  const later = await call('GetMeta', { FunctionName: 'echo' });
  assert.equal(countOf(later), countOf(before) + 1);
  assert.deepEqual(later, {
    code: 'OK',
    reply: {
      Name: 'echo',
      Image: `echo@${revision}`,
      InvocationCount: countOf(later),
      Replicas: 1,
      AvailableReplicas: 1,
      Annotations: {},
      Labels: {},
    },
  });
});

test('GetMeta and Delete refuse a bad name and know no function that is not there', async () => {
  for (const method of ['GetMeta', 'Delete']) {
    for (const FunctionName of ['', '../x', 'A', 'a'.repeat(70)]) {
      assert.equal((await call(method, { FunctionName })).code, 'INVALID_ARGUMENT', `${method} ${FunctionName}`);
    }
    assert.equal((await call(method, { FunctionName: 'nobody' })).code, 'NOT_FOUND', method);
  }
});

test('Invoke fails as in dcf.v1', async () => {
  assert.deepEqual(await call('Invoke', { Service: 'other', Input: Buffer.alloc(0) }), { code: 'UNKNOWN', details: 'never works' });
  assert.equal((await call('Invoke', { Service: 'nobody', Input: Buffer.alloc(0) })).code, 'NOT_FOUND');
  assert.equal((await call('Invoke', {})).code, 'INVALID_ARGUMENT');
});

test('Info and HealthCheck answer with text', async () => {
  const info = messageOf(await call('Info', {}));
  assert.match(info, /^dcfd \d+\.\d+\.\d+\nnode v\d+/);
  assert.match(info, /^functions: 2, all ready$/m);
  assert.match(info, /^execution providers: .*cpu/m);
  assert.deepEqual(await call('HealthCheck', {}), { code: 'OK', reply: { Msg: 'OK' } });
});

test('Delete takes a function out, and the others stay', async (t) => {
  await deploySource(t, daemon, 'short-lived', echoSource);
  assert.equal(messageOf(await call('Delete', { FunctionName: 'short-lived' })), 'short-lived is deleted');
  assert.equal((await call('Invoke', { Service: 'short-lived', Input: Buffer.alloc(0) })).code, 'NOT_FOUND');
  assert.deepEqual(
    (await daemon.control.list()).map(({ name }) => name),
    ['echo', 'other'],
  );
});
