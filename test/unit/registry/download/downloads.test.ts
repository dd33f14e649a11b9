import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { LookupAddress } from 'node:dns';
import { once } from 'node:events';
import { readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { type TestContext, test } from 'node:test';
import { defer } from '../../../../src/core/promises.js';
import { Blobs } from '../../../../src/registry/blobs/blobs.js';
import type { DownloadRules } from '../../../../src/registry/download/download-rules.js';
import { Downloads } from '../../../../src/registry/download/downloads.js';
import { temporaryDirectory } from '../../../support/cleanup.js';
import { type FileServer, type Respond, sendFile, startFileServer } from '../../../support/file-server.js';
import { eventually } from '../../../support/processes.js';
import { sha256 } from '../../../support/registry.js';

const content = randomBytes(3 * 2 ** 20);
const digest = sha256(content);

interface SetUp {
  folder: string;
  blobs: Blobs;
  server: FileServer;
  lines: string[];
  downloads: Downloads;
  fetch: (path?: string, signal?: AbortSignal) => Promise<void>;
}

async function setUp(t: TestContext, respond: Respond, rules: Partial<DownloadRules> = {}): Promise<SetUp> {
  const server = await startFileServer(t, respond);
  const folder = await temporaryDirectory(t);
  const blobs = new Blobs(folder, folder);
  await blobs.open();
  const lines: string[] = [];
  const allowPrivate = [`127.0.0.1:${server.port}`];
  const downloads = new Downloads(blobs, folder, { maxBytes: 2 ** 30, hosts: [], allowPrivate, ca: server.ca, retryMs: 1, ...rules });
  const fetch = (path = '/model.onnx', signal?: AbortSignal): Promise<void> => {
    const url = path.startsWith('/') ? server.origin + path : path;
    return downloads.fetch({ name: 'model', url, digest, path: '' }, { onOutput: (line) => lines.push(line), signal });
  };
  return { folder, blobs, server, lines, downloads, fetch };
}

async function assertStored({ folder, blobs }: SetUp): Promise<void> {
  assert.equal(await blobs.verify(digest), 'whole');
  assert.deepEqual(await readdir(folder), [digest]);
  assert.equal((await stat(blobs.path(digest))).mode & 0o777, 0o444);
}

const waits = /another deploy downloads it already; this one waits for that$/;
const wholeFile: Respond = (request, response) => sendFile(request, response, content);

test('a file is stored under its digest; the second time nothing is asked for', async (t) => {
  const up = await setUp(t, wholeFile);
  await up.fetch();
  await assertStored(up);
  assert.match(up.lines.join('\n'), /^resources\.model: 3 MiB from 127\.0\.0\.1:\d+ \(.*\)$/);
  await up.fetch();
  assert.deepEqual(up.server.requests, ['/model.onnx - -']);
});

test('progress is told', async (t) => {
  const up = await setUp(t, wholeFile, { progressMs: 0 });
  await up.fetch();
  assert.match(up.lines[0] ?? '', /^resources\.model: .* of 3 MiB$/);
});

test('a connection that is cut goes on where it was, of the same version', async (t) => {
  const up = await setUp(t, (request, response) => {
    const cutAfter = up.server.requests.length === 3 ? undefined : 2 ** 20;
    sendFile(request, response, content, { etag: '"v1"', ...(cutAfter === undefined ? {} : { cutAfter }) });
  });
  await up.fetch();
  await assertStored(up);
  const [first, second, third] = up.server.requests;
  assert.equal(first, '/model.onnx - -');
  for (const request of [second, third]) assert.match(request ?? '', /^\/model\.onnx bytes=[1-9]\d*- "v1"$/);
  assert.match(up.lines[0] ?? '', /the connection to 127\.0\.0\.1:\d+ broke: .*; the download continues from .* in /);
});

test('a daemon that starts later goes on with what is there; a part that nobody wants for a week goes', async (t) => {
  const up = await setUp(t, (request, response) => {
    if (up.server.requests.length > 1) return sendFile(request, response, content, { etag: '"v1"' });
    response.writeHead(200, { etag: '"v1"' }).write(content.subarray(0, 2 ** 20));
  });
  const abort = new AbortController();
  const first = up.fetch('/model.onnx', abort.signal);
  const partial = up.blobs.partialPath(digest);
  await eventually('a part is there', async () => (await stat(partial).catch(() => undefined))?.size === 2 ** 20);
  abort.abort();
  await assert.rejects(first, { code: 'CANCELLED', message: 'resources.model: the download was cancelled' });
  assert.deepEqual(await readdir(up.folder), [`${digest}.partial`, `${digest}.partial.etag`]);
  await up.blobs.open();
  assert.equal((await stat(partial)).size, 2 ** 20);
  await up.fetch();
  await assertStored(up);
  assert.equal(up.server.requests[1], `/model.onnx bytes=${2 ** 20}- "v1"`);
  await writeFile(partial, 'old');
  await writeFile(`${partial}.etag`, 'old');
  await utimes(partial, 0, 0);
  await up.blobs.open();
  await assertStored(up);
});

test('a part that was whole already, or of which the daemon died before it was stored, is not downloaded again', async (t) => {
  const up = await setUp(t, (request, response) => sendFile(request, response, content));
  await writeFile(up.blobs.partialPath(digest), content);
  await up.fetch();
  await assertStored(up);
  assert.deepEqual(up.server.requests, [`/model.onnx bytes=${content.length}- -`]);
});

for (const [what, answer] of [
  ['that knows no ranges', { ignoreRange: true }],
  ['whose file has changed meanwhile', { etag: '"v2"' }],
] as const) {
  test(`a server ${what} is asked from the beginning`, async (t) => {
    const up = await setUp(t, (request, response) => sendFile(request, response, content, answer));
    await writeFile(up.blobs.partialPath(digest), 'of another version');
    await writeFile(`${up.blobs.partialPath(digest)}.etag`, '"v1"');
    await up.fetch();
    await assertStored(up);
    assert.deepEqual(up.server.requests, ['/model.onnx bytes=18- "v1"']);
  });
}

test('parts that do not fit each other are downloaded again as one', async (t) => {
  const up = await setUp(t, wholeFile);
  await writeFile(up.blobs.partialPath(digest), 'of another version');
  await up.fetch();
  await assertStored(up);
  assert.deepEqual(up.server.requests, ['/model.onnx bytes=18- -', '/model.onnx - -']);
});

test('other bytes than the digest names are refused with both digests, and nothing is left', async (t) => {
  const up = await setUp(t, (request, response) => sendFile(request, response, Buffer.from('other')));
  const message = `resources.model: it has the SHA-256 ${sha256('other')}, but the manifest wants ${digest}`;
  await assert.rejects(up.fetch(), { code: 'INVALID_ARGUMENT', message });
  assert.deepEqual(await readdir(up.folder), []);
});

test('what is too large is refused, whether the server says so or not, and nothing is left', async (t) => {
  const respond: Respond = (request, response) => {
    if (request.url === '/said') return sendFile(request, response, content);
    response.writeHead(200, { 'transfer-encoding': 'chunked' }).end(content);
  };
  const up = await setUp(t, respond, { maxBytes: 2 ** 20 });
  for (const path of ['/said', '/not-said']) {
    const message = /^resources\.model: it has .* or more; this daemon takes 1 MiB at most \(--max-resource-size\)$/;
    await assert.rejects(up.fetch(path), { code: 'RESOURCE_EXHAUSTED', message });
    assert.deepEqual(await readdir(up.folder), []);
  }
});

test('a full disk is told as such, and nothing is left', { skip: process.platform === 'linux' ? false : 'it takes Linux' }, async (t) => {
  const up = await setUp(t, wholeFile);
  await symlink('/dev/full', up.blobs.partialPath(digest));
  await assert.rejects(up.fetch(), { code: 'RESOURCE_EXHAUSTED', message: /^resources\.model: the disk of .* is full/ });
  assert.deepEqual(await readdir(up.folder), []);
});

test('a server that is silent is given up after some tries; what came before is kept', async (t) => {
  const up = await setUp(t, () => undefined, { idleMs: 50 });
  await writeFile(up.blobs.partialPath(digest), 'some');
  const message =
    /^resources\.model: 127\.0\.0\.1:\d+ was silent for 50 ms, 5 times in a row; 4 B are kept, and the next deploy continues from there$/;
  await assert.rejects(up.fetch(), { code: 'FAILED_PRECONDITION', message });
  assert.equal(await readFile(up.blobs.partialPath(digest), 'utf8'), 'some');
});

test('a server that falls silent on the way is asked for the rest', async (t) => {
  const respond: Respond = (request, response) => {
    if (request.headers.range !== undefined) return sendFile(request, response, content);
    response.writeHead(200, { 'content-length': content.length }).write(content.subarray(0, 2 ** 20));
  };
  const up = await setUp(t, respond, { idleMs: 1000 });
  await up.fetch();
  await assertStored(up);
  assert.match(up.lines.join('\n'), /was silent for 1 s; the download continues from /);
});

test('statuses that may pass are tried again, others are told at once', async (t) => {
  const up = await setUp(t, (request, response) => {
    if (request.url === '/gone') response.writeHead(404).end();
    else if (up.server.requests.length === 1) response.writeHead(503).end();
    else sendFile(request, response, content);
  });
  await up.fetch();
  await assertStored(up);
  assert.match(up.lines[0] ?? '', /answered with the status 503; the download continues from 0 B in /);
  await up.blobs.remove(digest);
  await assert.rejects(up.fetch('/gone'), {
    code: 'FAILED_PRECONDITION',
    message: /^resources\.model: 127\.0\.0\.1:\d+ answered with the status 404$/,
  });
  assert.deepEqual(await readdir(up.folder), []);
  assert.equal(up.server.requests.length, 3);
});

test('redirects are followed, five at most, over https only', async (t) => {
  const up = await setUp(t, (request, response) => {
    const [, left = ''] = /^\/(\d+)$/.exec(request.url ?? '') ?? [];
    if (left === '0') return sendFile(request, response, content);
    const location = left === '' ? 'http://files.test/model.onnx' : `./${Number(left) - 1}`;
    response.writeHead(302, { location }).end();
  });
  await assert.rejects(up.fetch('/6'), { code: 'FAILED_PRECONDITION', message: /redirects more than 5 times$/ });
  await assert.rejects(up.fetch('/plain'), {
    code: 'FAILED_PRECONDITION',
    message: 'resources.model: http://files.test/model.onnx is not an https address',
  });
  await up.fetch('/5');
  await assertStored(up);
});

test('addresses that are not public are refused, also behind a redirect or a name, before anything connects', async (t) => {
  const addresses: Record<string, LookupAddress[]> = {
    'inside.test': [{ address: '10.1.2.3', family: 4 }],
    'half.test': [
      { address: '8.8.8.8', family: 4 },
      { address: '::1', family: 6 },
    ],
  };
  const targets = [
    'https://127.0.0.1:1/x',
    'https://127.1/x',
    'https://2130706433/x',
    'https://[::1]/x',
    'https://[::ffff:10.0.0.1]/x',
    'https://169.254.169.254/latest/meta-data',
    'https://inside.test/x',
    'https://half.test/x',
  ];
  const respond: Respond = ({ url = '' }, response) => void response.writeHead(307, { location: targets[Number(url.slice(1))] }).end();
  const up = await setUp(t, respond, { resolve: async (host) => addresses[host] ?? [] });
  for (const [index, target] of targets.entries()) {
    for (const source of [target, `/${index}`]) {
      await assert.rejects(up.fetch(source), {
        code: 'FAILED_PRECONDITION',
        message: /is at .*, which is not a public address; to allow it, start dcfd with --resource-allow-private \S+$/,
      });
    }
  }
  assert.equal(up.server.requests.length, targets.length);
  assert.deepEqual(await readdir(up.folder), []);
});

test('a name may lead inside where the operator says so; it is looked up once, and that is where the connection goes', async (t) => {
  const server = await startFileServer(t, wholeFile);
  let lookUps = 0;
  const up = await setUp(t, wholeFile, {
    allowPrivate: [`files.test:${server.port}`],
    ca: server.ca,
    resolve: async () => {
      lookUps += 1;
      return [{ address: lookUps === 1 ? '127.0.0.1' : '169.254.169.254', family: 4 }];
    },
  });
  await up.fetch(`https://FILES.test:${server.port}/model.onnx?token=hush`);
  await assertStored(up);
  assert.equal(lookUps, 1);
  assert.doesNotMatch(up.lines.join(), /hush/);
});

test('hosts that are not listed are refused, also behind a redirect', async (t) => {
  const respond: Respond = (_request, response) => void response.writeHead(302, { location: 'https://elsewhere.test/x?key=hush' }).end();
  const up = await setUp(t, respond, { hosts: ['*.files.test', 'example.com'], resolve: async () => [{ address: '8.8.8.8', family: 4 }] });
  for (const source of ['https://files.test/x?key=hush', 'https://notfiles.test/x', 'https://example.com.evil.test/x', '/redirected']) {
    await assert.rejects(up.fetch(source), {
      code: 'FAILED_PRECONDITION',
      message:
        /^resources\.model: https:\/\/[a-z.]+\/x is on a host that this daemon does not fetch from; it allows \*\.files\.test, example\.com \(--resource-hosts\)$/,
    });
  }
});

test('a certificate that is not trusted is refused at once', async (t) => {
  const up = await setUp(t, wholeFile, { ca: undefined });
  await assert.rejects(up.fetch(), { code: 'FAILED_PRECONDITION', message: /cannot be fetched: .*certificate.*--resource-ca/ });
  assert.deepEqual(up.server.requests, []);
});

test('a host without an address', async (t) => {
  const up = await setUp(t, wholeFile, {
    resolve: async () => {
      throw Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' });
    },
  });
  await assert.rejects(up.fetch('https://nowhere.test/x'), {
    code: 'FAILED_PRECONDITION',
    message: 'resources.model: the host nowhere.test was not found: ENOTFOUND',
  });
});

/** A server that answers with the first bytes, and with the others once it is told to. */
function twoStepServer(): { respond: Respond; begun: Promise<void>; closed: Promise<unknown>; finish: () => void } {
  const { promise: begun, resolve: begin } = defer<void>();
  const { promise: closed, resolve: close } = defer<unknown>();
  let finish = (): void => undefined;
  const respond: Respond = (_request, response) => {
    response.writeHead(200, { 'content-length': content.length }).write(content.subarray(0, 1000), () => begin());
    close(once(response, 'close'));
    finish = () => void response.end(content.subarray(1000));
  };
  return { respond, begun, closed, finish: () => finish() };
}

test('two that want the same blob share one download, which goes on when the first gives up', async (t) => {
  const server = twoStepServer();
  const up = await setUp(t, server.respond);
  const abort = new AbortController();
  const first = up.fetch('/model.onnx', abort.signal);
  await server.begun;
  const second = up.fetch();
  await eventually('the second waits', () => up.lines.some((line) => waits.test(line)));
  abort.abort();
  await assert.rejects(first, { code: 'CANCELLED' });
  server.finish();
  await second;
  await assertStored(up);
  assert.equal(up.server.requests.length, 1);
});

test('a download that nobody waits for ends', async (t) => {
  const server = twoStepServer();
  const up = await setUp(t, server.respond);
  const aborts = [new AbortController(), new AbortController()];
  const fetches = aborts.map((abort) => up.fetch('/model.onnx', abort.signal));
  await server.begun;
  await eventually('the second waits', () => up.lines.some((line) => waits.test(line)));
  for (const abort of aborts) abort.abort();
  for (const fetched of fetches) await assert.rejects(fetched, { code: 'CANCELLED' });
  await server.closed;
  const aborted = AbortSignal.abort();
  await assert.rejects(up.fetch('/model.onnx', aborted), { code: 'CANCELLED' });
  assert.equal(up.server.requests.length, 1);
});

test('that one address does not give the blob says nothing about another', async (t) => {
  const server = twoStepServer();
  const goodWaits = defer<void>();
  const up = await setUp(t, (request, response) => {
    if (request.url === '/good') return sendFile(request, response, content);
    server.respond(request, response);
    void goodWaits.promise.then(() => response.destroy());
  });
  const bad = up.fetch('/bad');
  // Which of two that begin together comes to download is anyone's guess: both look at the disk first.
  await server.begun;
  const good = up.fetch('/good');
  await eventually('the second waits', () => up.lines.some((line) => waits.test(line)));
  goodWaits.resolve();
  await assert.rejects(bad, { code: 'FAILED_PRECONDITION', message: /broke: .*, 5 times/ });
  await good;
  await assertStored(up);
  const paths = up.server.requests.map((request) => request.split(' ')[0]);
  assert.deepEqual(paths, [...Array<string>(5).fill('/bad'), '/good']);
});
