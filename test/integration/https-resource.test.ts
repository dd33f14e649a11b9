import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { DeployProgress } from '@dcf/sdk/control';
import { temporaryDirectory } from '../support/cleanup.js';
import { startDaemon, type TestDaemon } from '../support/daemon.js';
import { type FileServer, type Respond, sendFile, startFileServer } from '../support/file-server.js';
import { deploySource, writeFunction } from '../support/functions.js';
import { eventually } from '../support/processes.js';
import { runCli } from '../support/programs.js';
import { sha256 } from '../support/registry.js';

const weights = randomBytes(2 ** 21);
const digest = sha256(weights);
const source = `import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
export class Handler {
  constructor(readonly context: any) {}
  call() { return createHash('sha256').update(readFileSync(this.context.resources.model)).digest('hex') + ' ' + this.context.resources.model; }
}
`;

interface SetUp {
  server: FileServer;
  start: (data?: string) => Promise<TestDaemon>;
  resources: { model: { source: string; sha256: string } };
}

async function setUp(t: TestContext, respond: Respond): Promise<SetUp> {
  const server = await startFileServer(t, respond);
  const ca = join(await temporaryDirectory(t), 'ca.pem');
  await writeFile(ca, server.ca);
  const args = ['--resource-ca', ca, '--resource-allow-private', `127.0.0.1:${server.port}`];
  const start = (data?: string): Promise<TestDaemon> => startDaemon(t, { args, ...(data === undefined ? {} : { data }) });
  return { server, start, resources: { model: { source: `${server.origin}/big/model.onnx`, sha256: digest } } };
}

const wholeFile: Respond = (request, response) => sendFile(request, response, weights, { etag: '"v1"' });

async function answers(daemon: TestDaemon, name = 'remote'): Promise<void> {
  const [found, path = ''] = Buffer.from((await daemon.client.invoke(name, '')).output)
    .toString()
    .split(' ');
  assert.equal(found, digest);
  assert.match(path, /\/\.dcf\/model\/model\.onnx$/);
}

test('a resource is downloaded once, for every function, and not again at a start', async (t) => {
  const { server, start, resources } = await setUp(t, wholeFile);
  const first = await start();
  const seen: DeployProgress[] = [];
  await deploySource(t, first, 'remote', source, { resources, onProgress: (progress) => seen.push(progress) });
  assert.match(JSON.stringify(seen), /resources\.model: 2 MiB from 127\.0\.0\.1:\d+/);
  await answers(first);
  await deploySource(t, first, 'second', source, { resources });
  await answers(first, 'second');
  await first.stop();
  await answers(await start(first.data));
  assert.deepEqual(server.requests, ['/big/model.onnx - -']);
});

test('a daemon that is killed goes on with the download after its start', async (t) => {
  const { server, start, resources } = await setUp(t, (request, response) => {
    if (server.requests.length > 1) return wholeFile(request, response);
    response.writeHead(200, { etag: '"v1"' }).write(weights.subarray(0, 2 ** 20));
  });
  const first = await start();
  const deploying = deploySource(t, first, 'remote', source, { resources });
  deploying.catch(() => undefined);
  const blobs = join(first.data, 'blobs/sha256');
  const partial = join(blobs, `${digest}.partial`);
  await eventually('a part is there', async () => (await stat(partial).catch(() => undefined))?.size === 2 ** 20);
  await first.stop('SIGKILL');
  await assert.rejects(deploying);
  const second = await start(first.data);
  await deploySource(t, second, 'remote', source, { resources });
  await answers(second);
  assert.deepEqual(server.requests, ['/big/model.onnx - -', `/big/model.onnx bytes=${2 ** 20}- "v1"`]);
  assert.deepEqual(
    (await readdir(blobs)).filter((name) => name.includes('.partial')),
    [],
  );
});

test('a blob that is damaged or gone is downloaded again, at a deploy and at a start', async (t) => {
  const { server, start, resources } = await setUp(t, wholeFile);
  const first = await start();
  const { revision } = await deploySource(t, first, 'remote', source, { resources });
  const blob = join(first.data, 'blobs/sha256', digest);
  await chmod(blob, 0o600);
  await writeFile(blob, 'other bytes');
  await deploySource(t, first, 'second', source, { resources });
  await answers(first, 'second');
  assert.equal(server.requests.length, 2);
  await first.stop();
  await rm(join(first.data, 'functions/remote', revision), { recursive: true });
  await rm(blob, { force: true });
  await answers(await start(first.data));
  assert.equal(server.requests.length, 3);
});

test('what cannot be had fails the deploy, and says why; the revision before serves on', async (t) => {
  const { server, start, resources } = await setUp(t, (request, response) => {
    if (request.url === '/big/model.onnx') return wholeFile(request, response);
    if (request.url === '/inside') return void response.writeHead(302, { location: 'https://[::1]:1/secrets' }).end();
    response.end('other bytes');
  });
  const daemon = await start();
  await deploySource(t, daemon, 'remote', source, { resources });
  const before = (await readdir(daemon.data, { recursive: true })).filter((path) => !path.startsWith('logs')).sort();
  for (const [path, reason] of [
    ['/inside', /FAILED_PRECONDITION: resources\.model: https:\/\/\[::1\]:1\/secrets is at ::1, which is not a public address/],
    ['/other', new RegExp(`INVALID_ARGUMENT: resources\\.model: it has the SHA-256 ${sha256('other bytes')}, but .* ${'a'.repeat(64)}`)],
  ] as const) {
    const wanted = { model: { source: server.origin + path, sha256: 'a'.repeat(64) } };
    const folder = await writeFunction(t, { name: 'remote', resources: wanted }, { 'handler.ts': source });
    const { code, stderr } = await runCli(['deploy', folder], { url: daemon.url });
    assert.equal(code, 1);
    assert.match(stderr, reason);
    assert.match(stderr, /prepare {3}failed/);
    await answers(daemon);
  }
  const after = (await readdir(daemon.data, { recursive: true })).filter((path) => !path.startsWith('logs')).sort();
  // Counts of calls are written every ten seconds, in the middle of a slow test.
  const counts = /calls\.json(\.tmp)?$/;
  const blobs = (paths: string[]): string[] =>
    paths.filter((path) => path.endsWith('.partial') || (path.includes('functions/') && !counts.test(path)));
  assert.deepEqual(blobs(after), blobs(before));
});
