import assert from 'node:assert/strict';
import test from 'node:test';
import { ControlClient } from '@dcf/sdk/control';
import { type Metadata, status } from '@grpc/grpc-js';
import { refusal } from '../../support/refusal.js';
import { unusedAddress } from '../../support/sdk/servers.js';
import { controlOf, packageOf } from './control-server.js';

test('list, describe, info, delete', async (t) => {
  const deleted: string[] = [];
  const client = await controlOf(t, {
    List: (_call, callback) =>
      callback(null, { functions: [{ name: 'digits', readyReplicas: 1, calls: 5_000_000_000, providers: ['cpu'] }] }),
    Describe: (call, callback) => callback(null, { summary: { name: call.request.name }, aliases: { prod: 'abc' }, manifest: '{}' }),
    Info: (_call, callback) => callback(null, { version: '0.1.0', pid: 7, ready: true }),
    Delete: (call, callback) => {
      deleted.push(call.request.name);
      callback(null, {});
    },
  });
  const [listed] = await client.list();
  assert.equal(listed?.name, 'digits');
  assert.equal(listed.calls, 5_000_000_000, 'counters are numbers');
  assert.deepEqual([listed.providers, listed.state, listed.errors], [['cpu'], '', 0], 'what the daemon leaves out has its default');
  const described = await client.describe('digits');
  assert.equal(described.summary?.name, 'digits');
  assert.deepEqual({ ...described.aliases }, { prod: 'abc' });
  const { version, pid, ready } = await client.info();
  assert.deepEqual({ version, pid, ready }, { version: '0.1.0', pid: 7, ready: true });
  await client.delete('digits');
  assert.deepEqual(deleted, ['digits']);
});

test('errors are the daemon’s own; nobody there is told as for calls', async (t) => {
  const client = await controlOf(t, {
    Describe: (_call, callback) => callback({ code: status.NOT_FOUND, details: 'there is no function "x"' }),
  });
  const error = await refusal(client.describe('x'));
  assert.deepEqual([error.code, error.message], ['NOT_FOUND', 'there is no function "x"']);
  const nobody = new ControlClient(await unusedAddress());
  t.after(() => nobody.close());
  for (const { code, message } of await Promise.all([refusal(nobody.list()), refusal(nobody.logs({ name: 'x' }).next())])) {
    assert.equal(code, 'UNAVAILABLE');
    assert.match(message, /^no DCF daemon answers at .*: connection refused\. Start one/);
  }
});

test('the token goes along with every call', async (t) => {
  const tokens: unknown[] = [];
  const see = ({ metadata }: { metadata: Metadata }): void => {
    tokens.push(...metadata.get('authorization'));
  };
  const client = await controlOf(
    t,
    {
      List: (call, callback) => {
        see(call);
        callback(null, {});
      },
      Logs: (call) => {
        see(call);
        call.end();
      },
      Deploy: (call) => {
        see(call);
        call.end();
      },
    },
    { token: 's3cret' },
  );
  await client.list();
  await client.logs({ name: 'x' }).next();
  await refusal(client.deploy(packageOf()));
  assert.deepEqual(tokens, ['Bearer s3cret', 'Bearer s3cret', 'Bearer s3cret']);
});

test('the timeout ends a call', async (t) => {
  const client = await controlOf(t, { Info: () => undefined }, { timeout: '1h' });
  const error = await refusal(client.info({ timeout: 200 }));
  assert.equal(error.code, 'DEADLINE_EXCEEDED');
});
