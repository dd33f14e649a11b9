import assert from 'node:assert/strict';
import test from 'node:test';
import { readHead } from '../../../../src/gateway/http/http-head.js';

test('a head that says nothing asks for the active revision and leaves the time to the function', () => {
  assert.deepEqual(readHead('echo', { host: 'localhost', accept: '*/*' }, '/functions/echo'), {
    function: 'echo',
    requestId: undefined,
    selector: undefined,
    metadata: undefined,
    query: undefined,
    contentType: undefined,
    timeoutMs: Number.POSITIVE_INFINITY,
  });
});

test('of two timeouts the shorter counts', () => {
  const timeout = (headers: Record<string, string>) => readHead('echo', headers, '/functions/echo').timeoutMs;
  assert.equal(timeout({ 'dcf-timeout': '1.5s' }), 1_500);
  assert.equal(timeout({ 'dcf-timeout-ms': '250' }), 250);
  assert.equal(timeout({ 'dcf-timeout': '1s', 'dcf-timeout-ms': '250' }), 250);
  assert.equal(timeout({ 'dcf-timeout': '1s', 'dcf-timeout-ms': '2500' }), 1_000);
  assert.equal(timeout({ 'dcf-timeout': '0ms' }), 0);
});

for (const bad of ['5', '', ' 5s', '-5s', '5s, 6s', '1e3s', 'x'.repeat(10_000)]) {
  test(`"${bad.slice(0, 10)}" is no timeout`, () => {
    for (const header of ['dcf-timeout', 'dcf-timeout-ms']) {
      const headers = { [header]: header === 'dcf-timeout' ? bad : `${bad}.5` };
      assert.throws(
        () => readHead('echo', headers, '/functions/echo'),
        (error: Error) => error.message.startsWith(`${header}: "`) && error.message.length < 200,
      );
    }
  });
}

test("the URL's revision goes over the header's alias", () => {
  assert.equal(readHead('echo', { 'dcf-alias': 'prod' }, '/functions/echo').selector, 'prod');
  assert.equal(readHead('echo', { 'dcf-alias': 'prod' }, '/functions/echo?revision=0123456789abcdef').selector, '0123456789abcdef');
});

test('the query is the Handler’s as it was sent, but for the one revision, which is the platform’s', () => {
  const read = (query: string) => {
    const { query: given, selector } = readHead('echo', {}, `/functions/echo?${query}`);
    return [given, selector];
  };
  assert.deepEqual(read('a=1&a=%202&b'), ['a=1&a=%202&b', undefined]);
  assert.deepEqual(read('a=1&revision=prod&b=2'), ['a=1&b=2', 'prod']);
  assert.deepEqual(read('revision=a%2Bb+c'), [undefined, 'a+b c']);
  assert.deepEqual(read(''), [undefined, undefined]);
  assert.deepEqual(read('Revision=x&revisions=y&%72evision=z'), ['Revision=x&revisions=y&%72evision=z', undefined]);
  assert.throws(() => read('revision=a&revision=b'), { code: 'INVALID_ARGUMENT', message: /more than one revision=/ });
  for (const empty of ['revision=', 'revision'])
    assert.throws(() => read(empty), { code: 'INVALID_ARGUMENT', message: /is empty; name a revision/ });
});

test('metadata is what bears the prefix, and no name of it does harm', () => {
  const { metadata } = readHead('echo', { 'dcf-meta-a': '1', 'dcf-meta-__proto__': 'x', 'dcf-metadata': 'no', a: 'no' }, '/functions/echo');
  assert.deepEqual(metadata, { a: '1' });
});

test('codings that are none of ours are refused before a body is read', () => {
  const status = (headers: Record<string, string>) => {
    try {
      readHead('echo', headers, '/functions/echo');
      return 200;
    } catch (error) {
      return typeof error === 'object' && error !== null && 'status' in error ? error.status : error;
    }
  };
  assert.equal(status({ 'content-encoding': 'identity', 'transfer-encoding': 'Chunked', expect: '100-Continue' }), 200);
  assert.equal(status({ 'content-encoding': 'br' }), 415);
  assert.equal(status({ 'content-encoding': 'gzip, identity' }), 415);
  assert.equal(status({ 'transfer-encoding': 'gzip, chunked' }), 501);
  assert.equal(status({ expect: 'more' }), 417);
});
