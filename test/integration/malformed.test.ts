import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, connect } from 'node:http2';
import { after, test } from 'node:test';
import { loadContract } from '@dcf/sdk/contract';
import { cleanUp } from '../support/cleanup.js';
import { startDaemon } from '../support/daemon.js';
import { deploySource, echoSource } from '../support/functions.js';
import { assertNoMistakes } from '../support/mistakes.js';
import { invokeReply, invokeRequest, rawClient } from '../support/raw-client.js';

const owner = { after };
const daemon = await startDaemon(owner);
const raw = rawClient(owner, daemon.url);
const path = '/dcf.v1.Functions/Invoke';
const echo = invokeRequest({ function: 'echo', input: Buffer.from('still here') });
await deploySource(owner, daemon, 'echo', echoSource);

/** The daemon goes on as before, on the very same connection. */
async function livesOn(): Promise<void> {
  const { code, details, reply } = await raw.call(path, echo);
  assert.equal(code, 'OK', details);
  assert.equal(invokeReply(reply).toString(), 'still here');
  assert.equal((await daemon.control.info()).pid, daemon.pid);
  assertNoMistakes(daemon.log());
}

const malformed: [string, number[]][] = [
  ['a field longer than the message', [0x0a, 0x7f, 0x61]],
  ['a number that does not end', [0x80]],
  ['a number of more than ten bytes', new Array(12).fill(0xff)],
  ['an unknown wire type', [0x0f]],
];
const { dcf, original } = loadContract();
const methods = [dcf.Functions.service, dcf.Control.service, original.Gateway.service].flatMap((service) => Object.values(service));

for (const method of methods) {
  test(`${method.path} calls a malformed message INVALID_ARGUMENT`, async () => {
    for (const [what, bytes] of malformed) {
      const { code, details } = await raw.call(method.path, Buffer.from(bytes));
      assert.equal(code, 'INVALID_ARGUMENT', `${what}: ${code} ${details}`);
      assert.doesNotMatch(details, /\n|at .*\.js/, 'no stack');
    }
    await livesOn();
  });
}

test('a method or service that does not exist is UNIMPLEMENTED', async () => {
  for (const unknown of ['/dcf.v1.Functions/Nothing', '/dcf.v9.Functions/Invoke', '/', '/x']) {
    assert.equal((await raw.call(unknown, echo)).code, 'UNIMPLEMENTED', unknown);
  }
  await livesOn();
});

test('fields that this version does not know are passed over', async () => {
  const unknownFields = Buffer.from([0x18, 0x05, 0x22, 0x02, 0x61, 0x62]);
  const { code, reply } = await raw.call(path, Buffer.concat([unknownFields, echo, unknownFields]));
  assert.equal(code, 'OK');
  assert.equal(invokeReply(reply).toString(), 'still here');
});

test('frames that are no gRPC are refused one by one', async () => {
  const session = connect(`http://${daemon.url}`);
  cleanUp(owner, () => session.destroy());
  const garbage = Buffer.from('this was never compressed by anybody');
  const cases: [string, Record<string, string>, Buffer][] = [
    ['corrupt gzip', { 'grpc-encoding': 'gzip' }, frame(1, garbage)],
    ['corrupt deflate', { 'grpc-encoding': 'deflate' }, frame(1, garbage)],
    ['an unknown compression', { 'grpc-encoding': 'snappy' }, frame(1, garbage)],
    ['compressed without saying how', {}, frame(1, garbage)],
    ['a frame that ends too early', {}, frame(0, garbage).subarray(0, 20)],
    ['a message of 3 GiB, announced', {}, Buffer.from([0, 0xc0, 0, 0, 0, 1])],
    ['no message', {}, Buffer.alloc(0)],
    ['two messages', {}, Buffer.concat([frame(0, echo), frame(0, echo)])],
  ];
  for (const [what, headers, body] of cases) {
    const status = await post(session, headers, body);
    assert.notEqual(status, '0', what);
    assert.notEqual(status, undefined, `${what}: no status`);
  }
  assert.equal(await post(session, {}, frame(0, echo)), '0', 'the same connection goes on');
  await livesOn();
});

test('a request that is no gRPC at all is refused', async () => {
  const session = connect(`http://${daemon.url}`);
  cleanUp(owner, () => session.destroy());
  for (const headers of [
    { ':method': 'GET', ':path': '/' },
    { ':method': 'POST', ':path': path, 'content-type': 'application/json' },
  ]) {
    const request = session.request(headers);
    request.resume();
    request.end();
    const [answer] = await once(request, 'response');
    assert.ok(Number(answer[':status']) >= 400, JSON.stringify(answer));
  }
  await livesOn();
});

function frame(compressed: 0 | 1, message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head[0] = compressed;
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Sends a body as it is; resolves with `grpc-status`. */
async function post(session: ClientHttp2Session, headers: Record<string, string>, body: Uint8Array): Promise<string | undefined> {
  const request = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...headers });
  let status: string | undefined;
  const note = (received: Record<string, unknown>): void => {
    const found = received['grpc-status'];
    if (found !== undefined) status = String(found);
  };
  request.on('response', note).on('trailers', note);
  request.resume();
  request.end(body);
  await once(request, 'close');
  return status;
}
