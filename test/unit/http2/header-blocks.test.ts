import assert from 'node:assert/strict';
import test from 'node:test';
import { AbuseGuard } from '../../../src/http2/abuse.js';
import { type HeaderBlock, HeaderBlocks } from '../../../src/http2/header-blocks.js';
import { flag, number, padded } from '../../support/http2/frames.js';

const maxLength = 100_000;

function open(): HeaderBlocks {
  return new HeaderBlocks(maxLength, new AbuseGuard(undefined, () => 0));
}

function headers(blocks: HeaderBlocks, flags: number, payload: Buffer, id = 1): HeaderBlock | undefined {
  return blocks.headers(flags, id, payload, 0, payload.length);
}

function continuation(blocks: HeaderBlocks, flags: number, payload: Buffer, id = 1): HeaderBlock | undefined {
  return blocks.continuation(flags, id, payload, 0, payload.length);
}

const abc = Buffer.from('abc');
const priority = Buffer.concat([number(0x80000003), Buffer.from([7])]);

test('a block in one frame', () => {
  const block = headers(open(), flag.endHeaders | flag.endStream, abc, 5);
  assert.deepEqual(block, { streamId: 5, endStream: true, dependsOn: 0, fragment: abc });
});

test('padding and priority are taken off', () => {
  const plain = (flags: number, payload: Buffer): string | undefined =>
    headers(open(), flag.endHeaders | flags, payload)?.fragment.toString();
  assert.equal(plain(flag.padded, padded(abc, 0)), 'abc');
  assert.equal(plain(flag.padded, padded(abc, 255)), 'abc');
  assert.equal(plain(flag.padded, padded(Buffer.alloc(0), 9)), '');
  assert.equal(plain(flag.priority, Buffer.concat([priority, abc])), 'abc');
  assert.equal(plain(flag.padded | flag.priority, padded(Buffer.concat([priority, abc]), 4)), 'abc');
  assert.equal(headers(open(), flag.endHeaders | flag.priority, priority)?.dependsOn, 3);
});

const malformed = [
  { what: 'PADDED and nothing', flags: flag.padded, payload: Buffer.alloc(0) },
  { what: 'padding of a byte too much', flags: flag.padded, payload: Buffer.from([4, 1, 2, 3]) },
  { what: 'a part of a priority', flags: flag.priority, payload: priority.subarray(0, 4) },
  {
    what: 'padding that reaches into the priority',
    flags: flag.padded | flag.priority,
    payload: Buffer.concat([Buffer.from([1]), priority]),
  },
  {
    what: 'padding and a part of a priority',
    flags: flag.padded | flag.priority,
    payload: Buffer.concat([Buffer.from([0]), priority.subarray(1)]),
  },
];

for (const { what, flags, payload } of malformed) {
  test(`HEADERS with ${what} end the connection`, () => {
    assert.throws(() => headers(open(), flag.endHeaders | flags, payload), { name: 'ConnectionError' });
  });
}

test('a block over several frames is put together, from copies', () => {
  const blocks = open();
  const first = Buffer.from('first ');
  const second = Buffer.from('second ');
  assert.equal(headers(blocks, flag.endStream, first, 3), undefined);
  assert.equal(blocks.openStream, 3);
  first.fill('-');
  assert.equal(continuation(blocks, 0, second, 3), undefined);
  second.fill('-');
  const block = continuation(blocks, flag.endHeaders, Buffer.from('third'), 3);
  assert.deepEqual(block, { streamId: 3, endStream: true, dependsOn: 0, fragment: Buffer.from('first second third') });
  assert.equal(blocks.openStream, undefined);
});

test('CONTINUATION without a block, or for another stream, ends the connection', () => {
  assert.throws(() => continuation(open(), flag.endHeaders, abc), { code: 'PROTOCOL_ERROR' });
  const blocks = open();
  headers(blocks, 0, abc, 3);
  assert.throws(() => continuation(blocks, flag.endHeaders, abc, 5), { code: 'PROTOCOL_ERROR' });
});

test('a block of the limit is taken, and one of a byte more ends the connection', () => {
  for (const extra of [0, 1]) {
    const blocks = open();
    headers(blocks, 0, Buffer.alloc(10_000));
    for (let sent = 10_000; sent < maxLength - 10_000; sent += 10_000) continuation(blocks, 0, Buffer.alloc(10_000));
    const last = Buffer.alloc(10_000 + extra);
    if (extra === 0) assert.equal(continuation(blocks, flag.endHeaders, last)?.fragment.length, maxLength);
    else assert.throws(() => continuation(blocks, flag.endHeaders, last), { code: 'ENHANCE_YOUR_CALM' });
  }
});

test('a flood of short CONTINUATION frames ends the connection (CVE-2024-27316)', () => {
  for (const length of [0, 1, 20]) {
    const blocks = open();
    headers(blocks, 0, abc);
    const flood = (): void => {
      for (let count = 0; count < 1_100; count++) continuation(blocks, 0, Buffer.alloc(length));
    };
    assert.throws(flood, { code: 'ENHANCE_YOUR_CALM' }, `frames of ${length} bytes`);
  }
});
