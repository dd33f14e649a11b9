import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { temporaryDirectory } from '../../support/cleanup.js';
import { startDaemon } from '../../support/daemon.js';
import { deploySource, echoSource } from '../../support/functions.js';
import { bodyFile, callBody } from '../../support/wire/call-body.js';
import { runTool } from '../../support/wire/run-tool.js';
import { systemTool } from '../../support/wire-tools.js';

const owner = { after };
const { path: curl, missing } = systemTool('curl');
const skip = missing || (!(await runTool(owner, curl, ['--version'])).out.includes('HTTP2') && `this ${curl} knows no HTTP/2`);
const daemon = await startDaemon(owner);
await deploySource(owner, daemon, 'echo', echoSource);
const body = await callBody(owner, 'echo', 'from curl');
const invoke = '/dcf.v1.Functions/Invoke';

interface Answer {
  status: number;
  /** Headers and trailers, which curl does not tell apart. */
  fields: ReadonlyMap<string, string>;
  body: string;
}

/** What a request over HTTP/2 without TLS gets. */
async function ask(t: TestContext, path: string, ...args: string[]): Promise<Answer> {
  const heads = join(await temporaryDirectory(t), 'heads');
  const common = ['--silent', '--show-error', '--dump-header', heads, '--http2-prior-knowledge', '--max-time', '30'];
  const { code, out, errors } = await runTool(t, curl, [...common, ...args, `http://${daemon.url}${path}`]);
  assert.equal(code, 0, errors);
  const text = await readFile(heads, 'latin1');
  const found = Array.from(text.matchAll(/^([a-z-]+): (.*)\r$/gm), ([, name = '', value = '']) => [name, value] as const);
  return { status: Number(/^HTTP\/2 (\d+)/.exec(text)?.[1]), fields: new Map(found), body: out };
}

const header = (line: string): string[] => ['--header', line];
const grpc = header('content-type: application/grpc');
const post = ['--data-binary', `@${body}`];

/** A call that is refused by its headers alone is answered at once, which curl 7.88 does not always survive. */
const early = 'curl 7.88 may wait for ever when an answer comes before it has sent its body';

/** What is no call: `says` is a word of the text that tells a person so. */
const refused = [
  { what: 'a browser', path: '/', args: [], statuses: [405, 415], says: /gRPC/ },
  {
    what: 'a form',
    path: invoke,
    args: [...header('content-type: application/x-www-form-urlencoded'), '--data', 'a=b'],
    statuses: [415],
    says: /application\/grpc/,
  },
  { what: 'a body without a type', path: invoke, args: [...header('content-type:'), ...post], statuses: [415], says: /application\/grpc/ },
  {
    what: 'gRPC-Web',
    path: invoke,
    args: [...header('content-type: application/grpc-web'), ...post],
    statuses: [415],
    says: /application\/grpc/,
  },
  {
    what: 'JSON',
    path: invoke,
    args: [...header('content-type: application/json'), '--data', '{}'],
    statuses: [415],
    says: /application\/grpc/,
  },
  { what: 'GET', path: invoke, args: grpc, statuses: [405], says: /POST/ },
  { what: 'PUT', path: invoke, args: [...grpc, '--request', 'PUT', ...post], statuses: [405], says: /POST/ },
];

for (const { what, path, args, statuses, says } of refused) {
  test(`what is no call is refused by HTTP's own status, in words: ${what}`, { skip }, async (t) => {
    const answer = await ask(t, path, ...args);
    assert.ok(statuses.includes(answer.status), `status ${answer.status}`);
    assert.match(answer.body, says);
    assert.match(answer.fields.get('content-type') ?? '', /^text\/plain/);
    if (answer.status === 405) assert.equal(answer.fields.get('allow'), 'POST');
  });
}

/** What is a call, though no library would make it so. */
const served = [
  { what: 'without te', args: grpc },
  { what: 'with te', args: [...grpc, ...header('te: trailers')] },
  { what: 'a type with a suffix', args: header('content-type: application/grpc+proto') },
  { what: 'a type with a parameter', args: header('content-type: application/grpc;charset=utf-8') },
  { what: 'a deadline of eight digits', args: [...grpc, ...header('grpc-timeout: 99999999S')] },
  { what: 'encodings that it would take', args: [...grpc, ...header('grpc-accept-encoding: br, identity')] },
  { what: 'a header that is long', args: [...grpc, ...header(`x-long: ${'x'.repeat(6000)}`)] },
];

for (const { what, args } of served) {
  test(`a call is served: ${what}`, { skip }, async (t) => {
    const answer = await ask(t, invoke, ...args, ...post);
    assert.equal(answer.status, 200);
    assert.match(answer.fields.get('content-type') ?? '', /^application\/grpc/);
    assert.equal(answer.fields.get('grpc-status'), '0');
    assert.match(answer.body, /from curl/);
  });
}

const cut = await bodyFile(owner, Buffer.from([0, 0, 0, 0, 9, 1, 2]));
const nothing = await bodyFile(owner, Buffer.alloc(0));
interface Failed {
  what: string;
  path: string;
  args: readonly string[];
  /** The codes that it may end with: where the specification leaves it open, there are several. */
  codes: readonly string[];
  /** What the message says at the least. */
  says: RegExp;
  /** Why today's server does not pass. */
}

/** Calls that end with a gRPC status, with HTTP's 200. */
const failed: readonly Failed[] = [
  { what: 'no such method', path: '/dcf.v1.Functions/None', args: [...grpc, ...post], codes: ['12'], says: /None/ },
  { what: 'no such service', path: '/none.Service/Invoke', args: [...grpc, ...post], codes: ['12'], says: /none\.Service/ },
  {
    what: 'an encoding that nobody knows',
    path: invoke,
    args: [...grpc, ...header('grpc-encoding: zip'), ...post],
    codes: ['12'],
    says: /zip/,
  },
  {
    what: 'a deadline without a unit',
    path: invoke,
    args: [...grpc, ...header('grpc-timeout: 5'), ...post],
    codes: ['3', '13'],
    says: /timeout/,
  },
  {
    what: 'a message that is cut off',
    path: invoke,
    args: [...grpc, '--data-binary', `@${cut}`],
    codes: ['3', '13'],
    says: /./,
  },
  { what: 'no message', path: invoke, args: [...grpc, '--data-binary', `@${nothing}`], codes: ['3', '12', '13'], says: /./ },
];

for (const { what, path, args, codes, says } of failed) {
  test(`a call ends with a status of gRPC: ${what}`, { skip, todo: early }, async (t) => {
    const answer = await ask(t, path, ...args);
    assert.equal(answer.status, 200);
    const code = answer.fields.get('grpc-status') ?? 'none';
    assert.ok(codes.includes(code), `grpc-status ${code}: ${answer.fields.get('grpc-message')}`);
    assert.match(decodeURIComponent(answer.fields.get('grpc-message') ?? ''), says);
  });
}
