import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { MessageReader, type MessageSink } from '../../../src/grpc/message-reader.js';
import { framed } from '../../support/http2/test-grpc.js';

interface Reading {
  reader: MessageReader;
  /** Each message, with a "+" behind one that is compressed. */
  messages: string[];
  push: (bytes: Buffer) => void;
}

/** A reader whose messages are written down; `asks` says whether the next one is asked for while one is delivered. */
function open({ asks = true, maxLength = 100 }: { asks?: boolean; maxLength?: number } = {}): Reading {
  const messages: string[] = [];
  const sink: MessageSink = {
    allocate: (length) => Buffer.alloc(length),
    receive: (bytes, compressed) => {
      messages.push(`${bytes.toString('latin1')}${compressed ? '+' : ''}`);
      if (asks) reader.next();
    },
  };
  const reader = new MessageReader(maxLength, sink);
  // What is given to a reader is valid until it returns.
  const push = (bytes: Buffer): void => {
    const lent = Buffer.concat([Buffer.from('<'), bytes, Buffer.from('>')]);
    reader.push(lent, 1, 1 + bytes.length);
    lent.fill('?');
  };
  return { reader, messages, push };
}

const body = Buffer.concat([framed('first'), framed(''), framed('zipped', true), framed('x'), framed('the last one')]);
const all = ['first', '', 'zipped+', 'x', 'the last one'];

test('messages are read alike wherever the body is cut', () => {
  for (let cut = 0; cut <= body.length; cut++) {
    for (let next = cut; next <= body.length; next++) {
      const { messages, push, reader } = open();
      for (const piece of [body.subarray(0, cut), body.subarray(cut, next), body.subarray(next)]) push(piece);
      assert.deepEqual(messages, all, `cut at ${cut} and ${next}`);
      assert.ok(reader.empty && !reader.cut);
    }
  }
  const { messages, push } = open();
  for (const byte of body) push(Buffer.from([byte]));
  assert.deepEqual(messages, all);
});

test('one message is delivered for each time that somebody asks, wherever the body is cut', () => {
  for (let cut = 0; cut <= body.length; cut++) {
    const { messages, push, reader } = open({ asks: false });
    push(body.subarray(0, cut));
    assert.ok(messages.length <= 1);
    push(body.subarray(cut));
    for (let count = 1; count <= all.length; count++) {
      assert.deepEqual(messages, all.slice(0, count));
      assert.equal(reader.empty, count === all.length);
      reader.next();
    }
    assert.deepEqual(messages, all);
    push(framed('more'));
    assert.deepEqual(messages, [...all, 'more']);
  }
});

test('whatever comes in whatever pieces, and whenever somebody asks', () => {
  const steps = fc.array(fc.oneof(fc.constant('ask' as const), fc.nat({ max: 40 }), fc.nat({ max: 6_000 })), { maxLength: 60 });
  const texts = fc.array(
    fc.oneof(fc.string({ maxLength: 9 }), fc.constant('y'.repeat(3_000))).map((text) => Buffer.from(text).toString('latin1')),
  );
  fc.assert(
    fc.property(texts, steps, (texts, steps) => {
      const { messages, push, reader } = open({ asks: false, maxLength: 10_000 });
      const bytes = Buffer.concat(texts.map((text) => framed(Buffer.from(text, 'latin1'))));
      let at = 0;
      for (const step of steps) {
        if (step === 'ask') {
          reader.next();
          continue;
        }
        push(bytes.subarray(at, at + step));
        at = Math.min(bytes.length, at + step);
      }
      push(bytes.subarray(at));
      for (let count = 0; count <= texts.length; count++) reader.next();
      assert.deepEqual(messages, texts);
      assert.ok(reader.empty);
    }),
    { numRuns: 300 },
  );
});

test('a reader knows whether a message is cut, and how much is missing', () => {
  const { reader, push } = open();
  assert.ok(!reader.cut && reader.empty);
  push(framed('12345').subarray(0, 3));
  assert.deepEqual([reader.cut, reader.empty, reader.missing], [true, false, 0]);
  push(framed('12345').subarray(3, 7));
  assert.deepEqual([reader.cut, reader.empty, reader.missing], [true, false, 3]);
  push(framed('12345').subarray(7));
  assert.deepEqual([reader.cut, reader.empty, reader.missing], [false, true, 0]);
});

test('a message of the limit is read, and one of a byte more is refused when its prefix has come', () => {
  for (let cut = 0; cut <= 5; cut++) {
    const exact = open({ maxLength: 10 });
    exact.push(framed('0123456789'));
    assert.deepEqual(exact.messages, ['0123456789']);
    const over = open({ maxLength: 10 });
    const prefix = framed('0123456789-').subarray(0, 5);
    const read = (): void => [prefix.subarray(0, cut), prefix.subarray(cut)].forEach(over.push);
    assert.throws(read, { name: 'StatusError', code: 'RESOURCE_EXHAUSTED', message: /11 bytes is over the limit of 10/ });
  }
});

test('a flag that is neither 0 nor 1 is refused', () => {
  for (const flag of [2, 128, 255]) {
    const message = framed('x');
    message[0] = flag;
    assert.throws(() => open().push(message), { name: 'StatusError', code: 'INTERNAL' });
  }
});

test('what nobody asks for takes little more memory than its bytes, however short its pieces', () => {
  const { push, reader, messages } = open({ asks: false, maxLength: 100_000 });
  push(framed('first'));
  for (const byte of framed('x'.repeat(60_000))) push(Buffer.from([byte]));
  // Each piece is an object of some hundred bytes, which no figure of the process tells from garbage.
  const kept: unknown = Reflect.get(reader, 'backlog');
  assert.ok(Array.isArray(kept) && kept.length <= 20);
  reader.next();
  assert.equal(messages[1]?.length, 60_000);
});
