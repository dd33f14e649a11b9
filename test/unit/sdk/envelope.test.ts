import assert from 'node:assert/strict';
import test from 'node:test';
import { decodeInvokeReply, decodeInvokeRequest, encodeInvokeReply, encodeInvokeRequest, loadContract } from '@dcf/sdk/contract';
import { DcfError } from '@dcf/sdk/errors';
import fc from 'fast-check';
import { manyBytes } from '../../support/any-text.js';

const { dcf, original } = loadContract();
const dcfInvoke = dcf.Functions.service.Invoke;
const originalInvoke = original.Gateway.service.Invoke;

const bytes = manyBytes(70_000);
const name = fc.string({ unit: 'grapheme', maxLength: 300 });
const request = fc.record({ function: name, input: bytes });
const smallRequest = fc.record({ function: fc.string({ unit: 'grapheme' }), input: fc.uint8Array({ maxLength: 50 }) });

function equal(left: Uint8Array, right: Uint8Array): void {
  assert.ok(Buffer.from(left).equals(right));
}

test("what we write, proto-loader's codecs read, for both contracts", () => {
  fc.assert(
    fc.property(request, ({ function: given, input }) => {
      const message = encodeInvokeRequest({ function: given, input });
      const read = dcfInvoke.requestDeserialize(message);
      assert.equal(read.function, given);
      equal(read.input, input);
      const readAsOriginal = originalInvoke.requestDeserialize(message);
      assert.equal(readAsOriginal.Service, given);
      equal(readAsOriginal.Input, input);
      const reply = encodeInvokeReply(input);
      equal(dcfInvoke.responseDeserialize(reply).output, input);
      equal(originalInvoke.responseDeserialize(reply).Msg, input);
    }),
  );
});

test("what proto-loader's codecs write, we read, for both contracts", () => {
  fc.assert(
    fc.property(request, ({ function: given, input }) => {
      for (const message of [
        dcfInvoke.requestSerialize({ function: given, input: Buffer.from(input) }),
        originalInvoke.requestSerialize({ Service: given, Input: Buffer.from(input) }),
      ]) {
        const read = decodeInvokeRequest(message);
        assert.equal(read.function, given);
        equal(read.input, input);
      }
      equal(decodeInvokeReply(dcfInvoke.responseSerialize({ output: Buffer.from(input) })), input);
      equal(decodeInvokeReply(originalInvoke.responseSerialize({ Msg: Buffer.from(input) })), input);
    }),
  );
});

test('lengths at the edges of a varint', () => {
  for (const length of [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152]) {
    const input = Buffer.alloc(length, 7);
    equal(decodeInvokeRequest(encodeInvokeRequest({ function: 'f'.repeat(length % 200), input })).input, input);
    equal(dcfInvoke.requestDeserialize(encodeInvokeRequest({ function: 'f', input })).input, input);
    equal(decodeInvokeReply(encodeInvokeReply(input)), input);
  }
});

test('a body is a view into the message, not a copy', () => {
  const message = encodeInvokeRequest({ function: 'f', input: Buffer.alloc(1000) });
  assert.equal(decodeInvokeRequest(message).input.buffer, message.buffer);
  const reply = encodeInvokeReply(Buffer.alloc(1000));
  assert.equal(decodeInvokeReply(reply).buffer, reply.buffer);
});

/** Fields that this version does not know: a varint, eight bytes, a text, four bytes. */
const unknownField = fc.oneof(
  fc
    .record({ field: fc.integer({ min: 3, max: 15 }), value: fc.constantFrom([0x96, 0x01], [0]) })
    .map(({ field, value }) => [field << 3, ...value]),
  fc.integer({ min: 3, max: 15 }).map((field) => [(field << 3) | 1, 1, 2, 3, 4, 5, 6, 7, 8]),
  fc
    .record({ field: fc.integer({ min: 3, max: 15 }), value: fc.uint8Array({ maxLength: 20 }) })
    .map(({ field, value }) => [(field << 3) | 2, value.length, ...value]),
  fc.integer({ min: 3, max: 15 }).map((field) => [(field << 3) | 5, 1, 2, 3, 4]),
);

test('unknown fields are passed over, and the last one of a field counts', () => {
  fc.assert(
    fc.property(smallRequest, smallRequest, fc.array(unknownField), (first, second, unknown) => {
      const message = Buffer.concat([encodeInvokeRequest(first), Buffer.from(unknown.flat()), encodeInvokeRequest(second)]);
      const read = decodeInvokeRequest(message);
      assert.equal(read.function, second.function);
      equal(read.input, second.input);
      const expected = dcfInvoke.requestDeserialize(message);
      assert.equal(expected.function, second.function);
      equal(expected.input, second.input);
    }),
  );
});

test('whatever bytes come: a message, or INVALID_ARGUMENT', () => {
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    // Almost right: a message that was cut or had one byte changed.
    fc
      .record({ message: smallRequest, at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }), cut: fc.boolean() })
      .map(({ message, at, byte, cut }) => {
        const written = encodeInvokeRequest(message);
        const index = at % written.length;
        if (cut) return written.subarray(0, index);
        written[index] = byte;
        return written;
      }),
  );
  fc.assert(
    fc.property(anything, (given) => {
      const message = Buffer.from(given);
      for (const decode of [decodeInvokeRequest, decodeInvokeReply]) {
        try {
          decode(message);
        } catch (error) {
          assert.ok(DcfError.is(error) && error.code === 'INVALID_ARGUMENT', String(error));
        }
      }
    }),
    { numRuns: 2000 },
  );
});

test('malformed messages say what is wrong', () => {
  for (const [message, problem] of [
    [[0x0a], /it ends inside a number/],
    [[0x0a, 5, 1], /a field is longer than the message/],
    [[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], /longer than ten bytes/],
    [[0x0b, 0], /wire type 3 is not known/],
    [[0x02, 0], /field number 0 is not allowed/],
  ] as const) {
    assert.throws(() => decodeInvokeRequest(Buffer.from(message)), { code: 'INVALID_ARGUMENT', message: problem });
  }
});
