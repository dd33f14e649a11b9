import assert from 'node:assert/strict';
import test from 'node:test';
import { callFields, isGrpc, metadataFields, parseTimeout } from '../../../src/grpc/metadata.js';

const timeouts: Record<string, number> = {
  '1H': 3_600_000,
  '2M': 120_000,
  '3S': 3_000,
  '4m': 4,
  '5u': 0.005,
  '6n': 0.000_006,
  '0m': 0,
  '00000001S': 1_000,
  '99999999H': 99_999_999 * 3_600_000,
};

for (const [text, milliseconds] of Object.entries(timeouts)) {
  test(`grpc-timeout ${text}`, () => {
    const found = parseTimeout(text);
    assert.ok(found !== undefined && Math.abs(found - milliseconds) < 1e-9);
    assert.equal(callFields(['grpc-timeout', text]).timeoutMs, found);
  });
}

for (const text of [
  '',
  '1',
  'S',
  '123456789S',
  '1s',
  '1h',
  '-1S',
  '1.5S',
  '1 S',
  ' 1S',
  '1S ',
  '1SS',
  '0x1S',
  '٣S',
  'constructor',
  '1constructor',
]) {
  test(`a malformed grpc-timeout: ${JSON.stringify(text)}`, () => {
    assert.equal(parseTimeout(text), undefined);
    assert.equal(callFields(['grpc-timeout', text]).timeoutMs, undefined);
  });
}

test('what gRPC needs, and the rest as metadata', () => {
  const fields = callFields([
    'content-type',
    'application/grpc+proto',
    'te',
    'trailers',
    'grpc-encoding',
    'gzip',
    'grpc-accept-encoding',
    'gzip',
    'user-agent',
    'a test',
    'x-a',
    'first',
    'x-a',
    'second',
    'x-list',
    'a, b',
    '__proto__',
    'harmless',
  ]);
  const { metadata, ...rest } = fields;
  assert.deepEqual(rest, { contentType: 'application/grpc+proto', encoding: 'gzip', timeoutMs: Number.POSITIVE_INFINITY });
  assert.deepEqual(Object.entries(metadata), [
    ['user-agent', 'a test'],
    ['x-a', 'first'],
    ['x-list', 'a, b'],
    ['__proto__', 'harmless'],
  ]);
});

test('bytes come in base64, with padding or without, and of a list the first counts', () => {
  const bytes = Buffer.from([0, 1, 250, 255]);
  for (const text of ['AAH6/w==', 'AAH6/w', 'AAH6/w==,AAAA', 'AAH6/w,AAAA'])
    assert.deepEqual(callFields(['x-bin', text]).metadata['x-bin'], bytes, text);
  assert.deepEqual(callFields(['x-bin', '']).metadata['x-bin'], Buffer.alloc(0));
});

test('bytes are sent in base64 without padding, and texts as they are', () => {
  assert.deepEqual(metadataFields({ 'x-bin': Buffer.from([0, 1, 250, 255]), x: 'a', 'y-bin': new Uint8Array(0) }), [
    'x-bin',
    'AAH6/w',
    'x',
    'a',
    'y-bin',
    '',
  ]);
});

const unsendable: Record<string, Record<string, string | Uint8Array>> = {
  'a text that is not ASCII': { x: 'ä' },
  'a text with a line feed': { x: 'a\nb' },
  'a text that begins with a space': { x: ' a' },
  'a text that ends with a space': { x: 'a ' },
  'a text for bytes': { 'x-bin': 'a' },
  'bytes for a text': { x: Buffer.from('a') },
  'an empty name': { '': 'a' },
  'a name with capitals': { X: 'a' },
  'a name with a space': { 'a b': 'a' },
  'a name of HTTP/2': { ':status': '200' },
  'a name of gRPC': { 'grpc-status': '0' },
  'the content type': { 'content-type': 'a' },
};

for (const [what, metadata] of Object.entries(unsendable)) {
  test(`${what} is not sent`, () => assert.throws(() => metadataFields(metadata), TypeError));
}

test('texts that may be sent', () => {
  const metadata = { 'a_b.c-9': '', x: 'a', y: 'a b', z: '!~%"' };
  assert.deepEqual(metadataFields(metadata), Object.entries(metadata).flat());
});

test('content types of gRPC', () => {
  for (const type of ['application/grpc', 'application/grpc+proto', 'application/grpc+json', 'application/grpc;charset=utf-8'])
    assert.ok(isGrpc(type), type);
  for (const type of [
    undefined,
    '',
    'application/json',
    'application/grpc-web',
    'application/grpc-web+proto',
    'application/grpcx',
    'text/application/grpc',
  ])
    assert.ok(!isGrpc(type), type);
});
