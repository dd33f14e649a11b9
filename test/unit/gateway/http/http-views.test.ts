import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { DcfError } from '../../../../src/core/errors.js';
import { functionNameProblem } from '../../../../src/core/names.js';
import { Authenticator } from '../../../../src/gateway/auth.js';
import { HttpServer } from '../../../../src/gateway/http/http.js';
import { Guard } from '../../../../src/gateway/http/http-guard.js';
import { Invoker } from '../../../../src/gateway/invoker.js';

interface Views {
  url: string;
  /** The names that the view of one function was asked for. */
  asked: string[];
  faults: unknown[];
}

const nobody = () => assert.fail('nobody calls');

/** The HTTP side of a daemon with no function. Its token is `secret`. */
async function startViews(t: TestContext): Promise<Views> {
  const asked: string[] = [];
  const faults: unknown[] = [];
  const server = await HttpServer.open({
    address: { kind: 'tcp', host: '127.0.0.1', port: 0 },
    maxConnections: 8,
    firstByteTimeoutMs: 10_000,
    bodyTimeoutMs: 10_000,
    guard: new Guard(new Authenticator('secret'), true),
    cors: undefined,
    invoker: new Invoker({ resolve: nobody, peek: nobody, maxBytesInFlight: 1_000 }),
    onFault: (error) => faults.push(error),
    functions: { list: () => [] },
    describe: (name) => {
      asked.push(name);
      throw new DcfError('NOT_FOUND', `there is no function ${name}`);
    },
    readiness: () => ({ ready: true, draining: false, notReady: [] }),
  });
  t.after(() => server.close());
  return { url: `http://127.0.0.1:${server.port}`, asked, faults };
}

const trusted = { headers: { authorization: 'Bearer secret', connection: 'close' } };

test('a view gets what its schema has let through, and answers a name that no function can have with the rule', async (t) => {
  const { url, asked, faults } = await startViews(t);
  for (const [path, status, message] of [
    ['/functions/no-such', 404, 'there is no function no-such'],
    ['/functions/%6eo-such/?x=1', 404, 'there is no function no-such'],
    ['/functions/No_Such', 400, functionNameProblem('No_Such')],
    [`/functions/${'a'.repeat(64)}`, 400, functionNameProblem('a'.repeat(64))],
    ['/functions/no%00such', 400, functionNameProblem('no\0such')],
  ] as const) {
    const response = await fetch(url + path, trusted);
    const body: unknown = await response.json();
    assert.ok(typeof body === 'object' && body !== null && 'code' in body && 'message' in body, path);
    assert.deepEqual([response.status, body.code], [status, status === 404 ? 'NOT_FOUND' : 'INVALID_ARGUMENT'], path);
    assert.equal(body.message, message);
  }
  assert.deepEqual(asked, ['no-such', 'no-such'], 'the view is not asked for what is no name');
  assert.deepEqual(faults, []);
});

test('who asks is checked before what for', async (t) => {
  const { url, asked } = await startViews(t);
  for (const path of ['/functions', '/functions/no-such', '/functions/No_Such']) {
    for (const method of ['GET', 'HEAD']) {
      const response = await fetch(url + path, { method, headers: { connection: 'close' } });
      assert.equal(response.status, 401, `${method} ${path}`);
      await response.arrayBuffer();
    }
  }
  assert.deepEqual(asked, []);
  const listed = await fetch(`${url}/functions`, trusted);
  assert.deepEqual(await listed.json(), []);
  const alive = await fetch(`${url}/healthz`, { headers: { connection: 'close' } });
  assert.deepEqual([alive.status, await alive.json()], [200, { alive: true }]);
});
