import assert from 'node:assert/strict';
import test from 'node:test';
import { checkTrailers, requestHead } from '../../../src/http2/request-head.js';
import { type Field, requestFields } from '../../support/http2/frames.js';

const malformed = { name: 'StreamError', code: 'PROTOCOL_ERROR' };

function head(fields: readonly Field[]): ReturnType<typeof requestHead> {
  return requestHead(fields.flat());
}

test('a request has its pseudo-header fields, a length and other fields', () => {
  const more: Field[] = [
    ['content-length', '7'],
    ['x-a', '1'],
    ['x-a', '2'],
    ['te', 'trailers'],
    ['content-length', '7'],
  ];
  assert.deepEqual(head([...requestFields(), ...more]), {
    method: 'POST',
    scheme: 'http',
    path: '/a',
    authority: 'localhost',
    contentLength: 7,
    fields: more.flat(),
  });
});

test('the authority is that of `host` when there is none', () => {
  assert.equal(head([...requestFields({ ':authority': undefined }), ['host', 'a.example']]).authority, 'a.example');
  assert.equal(head([...requestFields(), ['host', 'localhost']]).authority, 'localhost');
  assert.equal(head(requestFields({ ':authority': undefined })).authority, undefined);
});

const ok = requestFields();
const requests: Record<string, readonly Field[]> = {
  'no field': [],
  'no :method': requestFields({ ':method': undefined }),
  'no :scheme': requestFields({ ':scheme': undefined }),
  'no :path': requestFields({ ':path': undefined }),
  'an empty :method': requestFields({ ':method': '' }),
  'an empty :scheme': requestFields({ ':scheme': '' }),
  'an empty :path': requestFields({ ':path': '' }),
  'two :method': [...ok, [':method', 'POST']],
  'two :scheme': [...ok, [':scheme', 'http']],
  'two :path': [...ok, [':path', '/a']],
  'two :authority': [...ok, [':authority', 'localhost']],
  'an unknown pseudo-header field': [...ok, [':foo', 'x']],
  'a pseudo-header field of responses': [...ok, [':status', '200']],
  'a field that is called ":"': [...ok, [':', 'x']],
  'a pseudo-header field behind another field': [...requestFields({ ':path': undefined }), ['x', 'y'], [':path', '/a']],
  'CONNECT with a path': requestFields({ ':method': 'CONNECT' }),
  'CONNECT, which nobody serves here': requestFields({ ':method': 'CONNECT', ':scheme': undefined, ':path': undefined }),
  'a method that is no token': requestFields({ ':method': 'GET /' }),
  'a name with capitals': [...ok, ['X-a', '1']],
  'an empty name': [...ok, ['', '1']],
  'a name with a space': [...ok, ['x a', '1']],
  'a name with a colon': [...ok, ['x:a', '1']],
  'a name with a control character': [...ok, ['x\u0000', '1']],
  'a name that is not ASCII': [...ok, ['x\u00e4', '1']],
  'a value with a line feed': [...ok, ['x', 'a\nb']],
  'a value with a carriage return': [...ok, ['x', 'a\rb']],
  'a value with a null': [...ok, ['x', 'a\u0000']],
  'a control character in :path': requestFields({ ':path': '/\n' }),
  connection: [...ok, ['connection', 'close']],
  'proxy-connection': [...ok, ['proxy-connection', 'close']],
  'keep-alive': [...ok, ['keep-alive', '1']],
  'transfer-encoding': [...ok, ['transfer-encoding', 'chunked']],
  upgrade: [...ok, ['upgrade', 'h2c']],
  'te with another value': [...ok, ['te', 'gzip']],
  'te with two values': [...ok, ['te', 'trailers, gzip']],
  'a content-length that is no number': [...ok, ['content-length', 'x']],
  'a negative content-length': [...ok, ['content-length', '-1']],
  'an empty content-length': [...ok, ['content-length', '']],
  'a content-length with a sign': [...ok, ['content-length', '+1']],
  'a content-length beyond all numbers': [...ok, ['content-length', '9'.repeat(16)]],
  'two lengths': [...ok, ['content-length', '1'], ['content-length', '2']],
};

for (const [what, fields] of Object.entries(requests)) {
  test(`a malformed request: ${what}`, () => {
    assert.throws(() => head(fields), malformed);
  });
}

test('white space around a value is taken off, as a reset would tell nobody what is wrong', () => {
  const { fields } = head([...ok, ['authorization', 'Bearer '], ['x', '\t a b\t ']]);
  assert.deepEqual(fields.slice(-4), ['authorization', 'Bearer', 'x', 'a b']);
});

test('trailers may be any field but those of requests and of connections', () => {
  checkTrailers(['x-a', '1', 'grpc-status', '0']);
  checkTrailers([]);
  const wrong = [
    [':path', '/a'],
    ['x', 'y', ':method', 'POST'],
    ['X', 'y'],
    ['x', '\n'],
    ['connection', 'close'],
    ['transfer-encoding', 'chunked'],
    ['te', 'gzip'],
  ];
  for (const fields of wrong) assert.throws(() => checkTrailers(fields), malformed, fields.join());
});

test('what a client sent is not in the message of a malformed value', () => {
  assert.throws(
    () => head([...ok, ['authorization', 'secret\n']]),
    (error: unknown) => error instanceof Error && !error.message.includes('secret'),
  );
});
