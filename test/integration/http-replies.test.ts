import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { InvokeOptions } from '@dcf/sdk';
import { answeringNode, answeringPython } from '../support/answering.js';
import { startDaemon } from '../support/daemon.js';
import { deploySource } from '../support/functions.js';
import { openHttp, requestHead } from '../support/http-client.js';
import { assertNoMistakes } from '../support/mistakes.js';
import { invokeReply, invokeRequest, rawClient } from '../support/raw-client.js';

const owner = { after };
const daemon = await startDaemon(owner);
const revisions: Readonly<Record<string, string>> = {
  node: (await deploySource(owner, daemon, 'node', answeringNode)).revision,
  python: (await deploySource(owner, daemon, 'python', answeringPython, { runtime: 'python' })).revision,
};
const raw = rawClient(owner, daemon.url);

async function ask(name: string, query: string, init: RequestInit = {}): Promise<{ response: Response; body: string }> {
  const response = await fetch(`${daemon.http}/functions/${name}?${query}`, { method: 'POST', redirect: 'manual', ...init });
  return { response, body: Buffer.from(await response.arrayBuffer()).toString('latin1') };
}

interface Expected {
  status?: number;
  type: string | null;
  body: string;
  headers?: Readonly<Record<string, string | null>>;
}

const bytes = 'application/octet-stream';
const webText = 'text/plain;charset=UTF-8';
const ourText = 'text/plain; charset=utf-8';
const latin1 = (text: string): string => Buffer.from(text).toString('latin1');
const own = { connection: 'keep-alive', 'content-length': '3', 'transfer-encoding': null, 'dcf-not-started': null };

const answers: Readonly<Record<string, Expected>> = {
  bytes: { type: bytes, body: '\0\xff' },
  text: { type: ourText, body: latin1('grüß') },
  json: { type: 'application/json', body: '{"a":[1]}' },
  number: { type: 'application/json', body: '7' },
  html: { type: 'text/html', body: '<p>' },
  created: { status: 201, type: bytes, body: 'made', headers: { location: '/a', 'x-own': 'grüß', 'content-length': '4' } },
  none: { status: 204, type: null, body: '', headers: { 'content-length': null } },
  empty: { type: null, body: '', headers: { 'content-length': '0' } },
  unchanged: { status: 304, type: null, body: '', headers: { etag: '"1"' } },
  missing: { status: 404, type: 'text/plain', body: 'no such cat', headers: { 'dcf-not-started': null } },
  redirect: { status: 302, type: null, body: '', headers: { location: 'https://example.org/' } },
  jsonResponse: { type: 'application/json', body: '{"b":2}' },
  rows: { type: 'text/csv', body: 'one,two', headers: { 'transfer-encoding': 'chunked', 'content-length': null } },
  accepted: { status: 202, type: 'text/csv', body: 'one,two', headers: { 'transfer-encoding': 'chunked' } },
  chunks: { type: ourText, body: 'one,two', headers: { 'transfer-encoding': 'chunked' } },
  noChunks: { type: bytes, body: '', headers: { 'content-length': '0' } },
  large: { type: bytes, body: '\x07'.repeat(3 << 20), headers: { 'content-length': String(3 << 20) } },
};

for (const name of ['node', 'python']) {
  for (const [what, { status = 200, type, body, headers = {} }] of Object.entries(answers)) {
    test(`${name}: ${what} is told over HTTP as what it is`, async () => {
      const found = await ask(name, `do=${what}`);
      assert.equal(found.response.status, status);
      assert.equal(found.response.headers.get('content-type'), type);
      assert.ok(found.body === body, found.body.slice(0, 100));
      for (const [key, value] of Object.entries(headers)) assert.equal(found.response.headers.get(key), value, key);
      assert.notEqual(found.response.headers.get('dcf-request-id'), null);
    });
  }

  test(`${name}: what belongs to a connection or to the platform is not the Handler's to choose`, async () => {
    const { response, body } = await ask(name, 'do=hop');
    assert.equal(body, 'hop');
    for (const [key, value] of Object.entries(own)) assert.equal(response.headers.get(key), value, key);
    assert.notEqual(response.headers.get('dcf-request-id'), 'mine');
  });

  test(`${name}: several cookies stay several`, async () => {
    const { response } = await ask(name, 'do=cookies');
    assert.deepEqual(response.headers.getSetCookie(), ['a=1', 'b=2; Path=/']);
    assert.equal(response.headers.get('content-type'), webText);
  });

  test(`${name}: query and content type reach the Handler; revision is the platform's`, async () => {
    const request = async (query: string, init?: RequestInit): Promise<unknown> => JSON.parse((await ask(name, query, init)).body);
    const headers = { 'content-type': 'image/png; q=1' };
    assert.deepEqual(await request('do=request&a=1&a=%C3%BC+2&b=&%72evision=mine', { headers, body: 'in' }), {
      query: [
        ['do', 'request'],
        ['a', '1'],
        ['a', latin1('ü 2')],
        ['b', ''],
        ['revision', 'mine'],
      ],
      type: 'image/png; q=1',
      text: 'in',
    });
    assert.deepEqual(await request(`a=1&revision=${revisions[name]}&do=request`), {
      query: [
        ['a', '1'],
        ['do', 'request'],
      ],
      type: null,
      text: '',
    });
    for (const query of ['revision', 'revision=', 'revision=a&revision=a'])
      assert.equal((await ask(name, query)).response.status, 400, query);
  });

  test(`${name}: they do so from the SDK, too`, async () => {
    const ask = async (options: InvokeOptions): Promise<unknown> =>
      JSON.parse(Buffer.from((await daemon.client.invoke(name, '', options)).output).toString());
    const asked = { query: [['do', 'request']], type: null, text: '' };
    assert.deepEqual(await ask({ query: 'do=request' }), asked);
    assert.deepEqual(await ask({ query: '?do=request&a=\u00fc b%20c', contentType: 'image/png' }), {
      ...asked,
      query: [
        ['do', 'request'],
        ['a', '\u00fc b c'],
      ],
      type: 'image/png',
    });
    for (const query of [{ do: 'request', b: '%&' }, new URLSearchParams({ do: 'request', b: '%&' })])
      assert.deepEqual(await ask({ query }), {
        ...asked,
        query: [
          ['do', 'request'],
          ['b', '%&'],
        ],
      });
  });

  test(`${name}: an error before the first chunk is an ordinary answer`, async () => {
    const { response, body } = await ask(name, 'do=late');
    assert.equal(response.status, 500);
    assert.match(body, /"UNKNOWN".*before the first/);
  });

  test(`${name}: over gRPC a body is the output, a status of 400 and above an error, and what was chosen is in the trailers`, async () => {
    const call = async (what: string) => {
      const headers = { 'dcf-query': `?do=${what}` };
      const { code, details, reply, trailers } = await raw.call(
        '/dcf.v1.Functions/Invoke',
        invokeRequest({ function: name, input: Buffer.alloc(0) }),
        { headers },
      );
      const output = code === 'OK' ? Buffer.from(invokeReply(reply)).toString() : '';
      return {
        code,
        details,
        output,
        type: trailers['dcf-content-type'],
        status: trailers['dcf-http-status'],
        later: trailers['grpc-retry-pushback-ms'],
      };
    };
    const ok = { code: 'OK', details: '', later: undefined };
    assert.deepEqual(await call('text'), { ...ok, output: 'grüß', type: undefined, status: undefined });
    assert.deepEqual(await call('html'), { ...ok, output: '<p>', type: 'text/html', status: undefined });
    assert.deepEqual(await call('created'), { ...ok, output: 'made', type: undefined, status: '201' });
    assert.deepEqual(await call('rows'), { ...ok, output: 'one,two', type: 'text/csv', status: undefined });
    const failed = { output: '', type: undefined, status: undefined, later: undefined };
    assert.deepEqual(await call('missing'), { ...failed, code: 'NOT_FOUND', details: 'no such cat' });
    assert.deepEqual(await call('busy'), { ...failed, code: 'UNAVAILABLE', details: 'later', later: '7000' });
    assert.deepEqual(await call('broken'), { ...failed, code: 'INTERNAL', details: 'the function answered with status 500' });
  });

  test(`${name}: a stream over gRPC is told the same`, async () => {
    const read = async (what: string): Promise<string> => {
      let text = '';
      for await (const chunk of daemon.client.stream(name, '', { metadata: { do: what } })) text += Buffer.from(chunk).toString();
      return text;
    };
    assert.equal(await read('rows'), 'one,two');
    await assert.rejects(read('missing'), { code: 'NOT_FOUND', message: 'no such cat' });
  });
}

const refused = {
  badName: /header name 'a b'/,
  badValue: /for the header a; line breaks/,
  badStatus: /status 99/,
  badBody: /204 cannot have a body/,
  manyHeaders: /20001 characters/,
};
for (const [what, message] of Object.entries(refused)) {
  test(`python: ${what} is INTERNAL and says what was wrong`, async () => {
    const { response, body } = await ask('python', `do=${what}`);
    assert.equal(response.status, 500);
    assert.equal(JSON.parse(body).code, 'INTERNAL');
    assert.match(JSON.parse(body).message, message);
  });
}

const batched = {
  node: `export class Handler {
    call() { throw new Error('batches only'); }
    callBatch(requests) {
      return requests.map((request) => {
        switch (request.query.get('do')) {
          case 'made': return new Response('made', { status: 201, headers: { 'content-type': 'text/html' } });
          case 'missing': return new Response('none', { status: 404 });
          case 'chunks': return (function* () { yield 'a'; yield 'b'; })();
          case 'error': return new Error('alone');
          default: return { n: 1 };
        }
      });
    }
  }`,
  python: `
from dcf_worker import Response
class Handler:
    def call_batch(self, reqs):
        answers = {
            "made": lambda: Response("made", 201, content_type="text/html"),
            "missing": lambda: Response("none", 404),
            "chunks": lambda: iter(("a", "b")),
            "error": lambda: ValueError("alone"),
        }
        return [answers.get(req.query.get("do"), lambda: {"n": 1})() for req in reqs]
`,
};
for (const [name, source] of Object.entries(batched)) {
  test(`${name}: each call of a batch has what was chosen for it`, async (t) => {
    const runtime = name === 'python' ? 'python' : 'node';
    await deploySource(t, daemon, `batched-${name}`, source, { runtime, batch: { maxSize: 8 } });
    const answers = await Promise.all(['made', 'missing', 'chunks', 'error', 'json'].map((what) => ask(`batched-${name}`, `do=${what}`)));
    assert.deepEqual(
      answers.map(({ response }) => [response.status, response.headers.get('content-type')?.split(';')[0]]),
      [
        [201, 'text/html'],
        [404, 'text/plain'],
        [200, 'text/plain'],
        [500, 'application/json'],
        [200, 'application/json'],
      ],
    );
    assert.deepEqual([answers[0]?.body, answers[1]?.body, answers[2]?.body, answers[4]?.body], ['made', 'none', 'ab', '{"n":1}']);
  });
}

test('a function that calls one that answers with 404 has an error of its code', async (t) => {
  const source = `export class Handler {
    async call(request) {
      try { return await request.call(request.query.get('name'), '', { metadata: { do: 'missing' } }); }
      catch (error) { return { code: error.code, message: error.message }; }
    }
  }`;
  await deploySource(t, daemon, 'caller', source);
  for (const name of ['node', 'python']) {
    assert.deepEqual(JSON.parse((await ask('caller', `name=${name}`)).body), { code: 'NOT_FOUND', message: `${name}: no such cat` });
  }
});

test('a status of 500 and above counts as a failed call, one below does not, and the log says which it was', async (t) => {
  await deploySource(t, daemon, 'counted', answeringNode);
  for (const what of ['broken', 'busy', 'missing', 'text']) await ask('counted', `do=${what}`);
  const { summary } = await daemon.control.describe('counted');
  assert.deepEqual([summary?.calls, summary?.errors], [4, 2]);
  const lines: string[] = [];
  for await (const { text } of daemon.control.logs({ name: 'counted' }))
    if (text.startsWith('REPORT')) lines.push(text.split(' ').slice(-2).join(' '));
  assert.deepEqual(
    lines.map((line) => line.replace(/^(?!status).* /, '')),
    ['status=INTERNAL http=500', 'status=UNAVAILABLE http=503', 'status=NOT_FOUND http=404', 'status=OK'],
  );
});

test('HTTP/1.0 gets chunks as they come, and their end with the connection', async (t) => {
  for (const name of ['node', 'python']) {
    const { send, rest } = await openHttp(t, daemon.http);
    send(requestHead(`POST /functions/${name}?do=rows`, { 'content-length': 0 }).replace('HTTP/1.1', 'HTTP/1.0'));
    const answer = await rest();
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
    assert.doesNotMatch(answer, /transfer-encoding/i);
    assert.match(answer, /\r\n\r\none,two$/);
  }
});

test('nothing of all that was a mistake of the daemon', async () => {
  await daemon.stop();
  assertNoMistakes(daemon.log());
});
