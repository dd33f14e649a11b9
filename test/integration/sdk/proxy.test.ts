import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Client } from '@dcf/sdk';
import type * as Addresses from '../../../sdk/src/transport/address.js';
import type * as Proxies from '../../../sdk/src/transport/proxy.js';
import { root } from '../../support/programs.js';
import { refusal } from '../../support/refusal.js';
import { proxyCases } from '../../support/sdk/proxy-cases.js';
import { deadUrl } from '../cli/command-line.js';
import { FakeDaemon } from '../cli/fake-daemon.js';

// No door of the package leads to them: they are the rules that its clients go by.
const { parseAddress }: typeof Addresses = await import(join(root, 'sdk/dist/transport/address.js'));
const { routeTo }: typeof Proxies = await import(join(root, 'sdk/dist/transport/proxy.js'));

test('a proxy, and what goes without it', () => {
  for (const { host, port, environment, proxy } of proxyCases) {
    const address = parseAddress(`${host.includes(':') ? `[${host}]` : host}:${port}`);
    const route = routeTo(address, environment);
    const found = route.kind === 'direct' ? undefined : { shown: route.proxy, variable: route.variable };
    assert.deepEqual(found, proxy, JSON.stringify({ host, environment }));
  }
});

test('no proxy leads to a Unix socket', () => {
  const environment = { grpc_proxy: 'http://proxy.example.com:3128', no_proxy: '' };
  assert.deepEqual(routeTo(parseAddress('unix:/run/dcf/dcf.sock'), environment), { kind: 'direct' });
});

test('the same for the client in Python', (t) => {
  // The module alone: the package needs gRPC.
  const program = `import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("_proxy", sys.argv[1])
module = importlib.util.module_from_spec(spec)
sys.modules["_proxy"] = module
spec.loader.exec_module(module)
found = [module.proxy_for(case["host"], case["port"], case["environment"]) for case in json.load(sys.stdin)]
print(json.dumps([None if one is None else {"shown": one.shown, "variable": one.variable} for one in found]))`;
  const path = join(root, 'sdk/python/src/dcf/_proxy.py');
  const { status, stdout, stderr, error } = spawnSync('python3', ['-c', program, path], {
    input: JSON.stringify(proxyCases),
    encoding: 'utf8',
  });
  if (error !== undefined) return t.skip('there is no python3 here');
  assert.equal(status, 0, stderr);
  const found: unknown[] = JSON.parse(stdout);
  for (const [at, { proxy, ...given }] of proxyCases.entries()) assert.deepEqual(found[at], proxy ?? null, JSON.stringify(given));
});

/** Sets variables for the time of a test. */
function withEnvironment(t: TestContext, variables: Readonly<Record<string, string>>): void {
  const before = { ...process.env };
  Object.assign(process.env, { GRPC_VERBOSITY: 'NONE', ...variables });
  t.after(() => {
    process.env = before;
  });
}

test('a proxy that is not there, or refuses: the error says that it was used, and what names it', async (t) => {
  const refusing = createServer();
  refusing.on('connect', (_request, socket) => socket.end('HTTP/1.1 403 Forbidden\r\n\r\n'));
  await once(refusing.listen(0, '127.0.0.1'), 'listening');
  t.after(() => refusing.close());
  for (const proxy of [await deadUrl(), `127.0.0.1:${portOf(refusing.address())}`]) {
    withEnvironment(t, { http_proxy: `http://user:secret@${proxy}` });
    const client = new Client('gpu.example.com:32222');
    t.after(() => client.close());
    const { code, message } = await refusal(client.invoke('hello', 'x'));
    assert.equal(code, 'UNAVAILABLE');
    const [first, rest] = message.split(': ', 2);
    assert.equal(first, `no DCF daemon answers at gpu.example.com:32222 through the proxy ${proxy}, which the variable http_proxy names`);
    assert.match(rest ?? '', /^it cannot be reached, or refuses the connection\. Add gpu\.example\.com to no_proxy/);
    assert.doesNotMatch(message, /secret|undefined/);
  }
});

test('a call goes through a proxy that lets it', async (t) => {
  const daemon = await FakeDaemon.start(t);
  const asked: unknown[] = [];
  const proxy = createServer();
  proxy.on('connect', (request, socket) => {
    asked.push([request.url, request.headers['proxy-authorization']]);
    const [host = '', port] = daemon.url.split(':');
    const upstream = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      upstream.pipe(socket).pipe(upstream);
    });
    for (const end of [socket, upstream]) end.on('error', () => undefined);
    t.after(() => upstream.destroy());
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  t.after(() => proxy.close());
  withEnvironment(t, { HTTPS_PROXY: `http://me:p%40ss@127.0.0.1:${portOf(proxy.address())}`, no_proxy: 'gpu.example.com:443' });
  const client = new Client('gpu.example.com:32222');
  t.after(() => client.close());
  assert.equal(Buffer.from((await client.invoke('hello', 'through')).output).toString(), 'through');
  assert.deepEqual(asked, [['gpu.example.com:32222', `Basic ${Buffer.from('me:p@ss').toString('base64')}`]]);
});

function portOf(address: AddressInfo | string | null): number {
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}
