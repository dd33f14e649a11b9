import assert from 'node:assert/strict';
import test from 'node:test';
import type { Method } from '../../../src/grpc/call.js';
import { data, type Field, flag, request, requestFields } from '../../support/http2/frames.js';
import { framed, TestGrpc, type TestGrpcOptions } from '../../support/http2/test-grpc.js';

const begun: string[] = [];
const method: Method = {
  streamed: false,
  begin: (call) => {
    begun.push(call.path);
    return { message: (bytes) => call.release(bytes.length), halfClose: () => call.end({ code: 0 }), cancelled: () => undefined };
  },
};

function open(options: TestGrpcOptions = {}): TestGrpc {
  begun.length = 0;
  return new TestGrpc({ '/s/m': method }, options);
}

const grpcType: Field = ['content-type', 'application/grpc'];

test('a call goes to the method of its path', () => {
  const grpc = open();
  grpc.begin(1, '/s/m');
  grpc.message(1, 'a', { end: true });
  assert.deepEqual(grpc.answer(1).trailers, { 'grpc-status': '0', ':status': '200', 'content-type': 'application/grpc' });
  assert.deepEqual(begun, ['/s/m']);
});

const refusals: Record<
  string,
  { path?: string; fields?: readonly Field[]; status: string; message: RegExp; more?: Record<string, string> }
> = {
  'an unknown method': { path: '/s/other', status: '12', message: /no method \/s\/other/ },
  'an unknown path that is no text': { path: '/\u00e4', status: '12', message: /no method \/%C3%A4/ },
  'a path of the prototype of objects': { path: 'constructor', status: '12', message: /no method/ },
  'an unknown encoding': {
    fields: [['grpc-encoding', 'br']],
    status: '12',
    message: /encoding br is not supported/,
    more: { 'grpc-accept-encoding': 'identity,gzip' },
  },
  'a malformed timeout': { fields: [['grpc-timeout', '1x']], status: '3', message: /malformed grpc-timeout/ },
};

for (const [what, { path = '/s/m', fields = [], status, message, more = {} }] of Object.entries(refusals)) {
  test(`${what} is refused with trailers alone`, () => {
    const grpc = open();
    grpc.begin(1, path, fields);
    const { trailers, ended } = grpc.answer(1);
    assert.equal(trailers['grpc-status'], status);
    assert.match(trailers['grpc-message'] ?? '', message);
    for (const [name, value] of Object.entries(more)) assert.equal(trailers[name], value);
    assert.ok(ended);
    // What the client sends all the same is thrown away.
    grpc.message(1, 'late', { end: true });
    assert.deepEqual(grpc.connection.sent(), []);
    assert.deepEqual(begun, []);
  });
}

test('metadata over the limit is RESOURCE_EXHAUSTED, and the next call is served', () => {
  const grpc = open({ limits: { maxHeaderListSize: 1_000 } });
  grpc.begin(1, '/s/m', [['x', 'y'.repeat(1_000)]]);
  grpc.message(1, 'a', { end: true });
  assert.equal(grpc.answer(1).trailers['grpc-status'], '8');
  grpc.begin(3, '/s/m');
  grpc.message(3, 'a', { end: true });
  assert.equal(grpc.answer(3).trailers['grpc-status'], '0');
});

const http: Record<string, { fields: readonly Field[]; status: string; allow?: string; body: boolean }> = {
  'a request without a content type': { fields: requestFields(), status: '415', body: true },
  'another content type': { fields: [...requestFields(), ['content-type', 'application/json']], status: '415', body: true },
  'a GET of gRPC': { fields: [...requestFields({ ':method': 'GET' }), grpcType], status: '405', allow: 'POST', body: true },
  'a HEAD': { fields: requestFields({ ':method': 'HEAD' }), status: '415', body: false },
};

for (const [what, { fields, status, allow, body }] of Object.entries(http)) {
  test(`${what} gets ${status} when all of it has come`, () => {
    const grpc = open();
    grpc.connection.send(request(1, { fields }));
    for (let part = 0; part < 40; part++) grpc.connection.send(data(1, Buffer.alloc(16_000)));
    assert.ok(!grpc.answer(1).ended);
    grpc.connection.send(data(1, '', flag.endStream));
    const sent = grpc.connection.frames();
    assert.deepEqual(
      sent.map(({ type }) => type),
      body ? [1, 0, 0] : [1, 0],
    );
    assert.equal(sent[1]?.payload.includes('gRPC'), body);
    const again = open();
    again.connection.send(request(1, { end: true, fields }));
    const { headers, ended, reset } = again.answer(1);
    assert.deepEqual([headers[':status'], headers['allow'], ended, reset], [status, allow, true, undefined]);
  });
}

test('a request that is not gRPC and never ends is reset after its time', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const grpc = open({ bodyTimeoutMs: 5_000 });
  grpc.connection.send(request(1), request(3), request(5));
  grpc.cancel(3);
  grpc.connection.send(data(5, '', flag.endStream));
  grpc.answer(5);
  t.mock.timers.tick(5_000);
  assert.deepEqual(grpc.connection.sent(), ['RST_STREAM 1 cancel']);
});

test('a service that is stopped leaves no timer, and a call that has no body starts one', (t) => {
  const begun = t.mock.method(globalThis, 'setInterval');
  const ended = t.mock.method(globalThis, 'clearInterval');
  const grpc = open();
  grpc.begin(1, '/s/m');
  grpc.connection.send(data(1, framed('abc').subarray(0, 3)));
  assert.equal(begun.mock.callCount(), 1);
  grpc.service.stop();
  assert.ok(ended.mock.calls.some(({ arguments: [timer] }) => timer === begun.mock.calls[0]?.result));
});
