import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { HpackDecoder } from '../../../../src/http2/hpack/decoder.js';
import { HpackEncoder } from '../../../../src/http2/hpack/encoder.js';
import { HpackError } from '../../../../src/http2/hpack/hpack-error.js';
import { staticNames, staticValues } from '../../../../src/http2/hpack/static-table.js';
import { indexedField, type LiteralKind, literalField, tableSize } from '../../../support/hpack-blocks.js';

const latin1 = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const names = fc.oneof(fc.constantFrom('content-type', 'grpc-status', ':status', 'set-cookie', 'x-id'), latin1);
const values = fc.oneof(
  fc.constantFrom('0', '200', 'application/grpc', ''),
  latin1,
  latin1.map((text) => text.repeat(9)),
);
const list = fc.array(fc.tuple(names, values), { maxLength: 8 }).map((fields) => fields.flat());

/** The table as RFC 7541 describes it: a plain list, the newest field first. */
class PlainTable {
  readonly fields: [name: string, value: string][] = [];
  maximum = 4096;

  insert(name: string, value: string): void {
    this.fields.unshift([name, value]);
    this.shrink();
  }

  shrink(): void {
    while (this.fields.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0) > this.maximum) this.fields.pop();
  }

  /** The field that a number picks, of both tables, and its index. */
  pick(choice: number): { index: number; field: readonly [name: string, value: string] } {
    const index = 1 + (choice % (61 + this.fields.length));
    const field = this.fields[index - 62] ?? ([staticNames[index] ?? '', staticValues[index] ?? ''] as const);
    return { index, field };
  }
}

const choice = fc.nat({ max: 1000 });
const kind = fc.constantFrom<LiteralKind>('indexing', 'without indexing', 'never indexed');
const step = fc.oneof(
  choice.map((choice) => ({ does: 'indexed' as const, choice })),
  fc.record({ does: fc.constant('literal' as const), kind, choice: fc.option(choice), name: latin1, value: values, huffman: fc.boolean() }),
);
const plannedBlock = fc.record({
  sizes: fc.array(fc.oneof(fc.nat({ max: 300 }), fc.constant(4096)), { maxLength: 2 }),
  steps: fc.array(step, { maxLength: 8 }),
});

/** Encodes a block in the way that a plan says, with what the table allows, and says what it stands for. */
function carryOut(
  table: PlainTable,
  plan: typeof plannedBlock extends fc.Arbitrary<infer Plan> ? Plan : never,
): { block: Buffer; list: string[] } {
  const parts: Buffer[] = [];
  const list: string[] = [];
  for (const size of plan.sizes) {
    parts.push(tableSize(size));
    table.maximum = size;
    table.shrink();
  }
  for (const step of plan.steps) {
    const picked = step.choice === null ? undefined : table.pick(step.choice);
    if (step.does === 'indexed') {
      parts.push(indexedField(picked?.index ?? 1));
      list.push(...(picked?.field ?? []));
      continue;
    }
    const name = picked?.field[0] ?? step.name;
    parts.push(literalField(step.kind, picked?.index ?? name, step.value, step.huffman));
    list.push(name, step.value);
    if (step.kind === 'indexing') table.insert(name, step.value);
  }
  return { block: Buffer.concat(parts), list };
}

test('the decoder reads every representation as a plain table does, block after block', () => {
  fc.assert(
    fc.property(fc.array(plannedBlock, { minLength: 1, maxLength: 5 }), (plans) => {
      const decoder = new HpackDecoder({ maxListSize: 1 << 20 });
      const table = new PlainTable();
      for (const plan of plans) {
        const { block, list } = carryOut(table, plan);
        assert.deepEqual(decoder.decode(block), list);
        if (plan.sizes.length === 0 && plan.steps.every((step) => step.does === 'indexed' || step.kind !== 'indexing')) {
          assert.deepEqual(decoder.decode(Buffer.from(block)), list, 'the very block again');
        }
      }
    }),
    { numRuns: 1500 },
  );
});

test('the decoder reads what the encoder writes, whatever the sizes of the table', () => {
  const sizes = fc.oneof(fc.constant([]), fc.array(fc.oneof(fc.nat({ max: 200 }), fc.nat({ max: 5000 })), { maxLength: 3 }));
  fc.assert(
    fc.property(fc.array(fc.record({ sizes, list }), { minLength: 1, maxLength: 6 }), (blocks) => {
      const encoder = new HpackEncoder(new Set(['content-type', 'grpc-status', 'x-id']));
      const decoder = new HpackDecoder({ maxTableSize: 5000, maxListSize: 1 << 20 });
      for (const { sizes, list } of blocks) {
        for (const size of sizes) {
          encoder.setMaxTableSize(size);
          decoder.acknowledged(size);
        }
        assert.deepEqual(decoder.decode(encoder.encode(list)), list);
      }
    }),
    { numRuns: 1500 },
  );
});

/** Changes of a block: bytes replaced, put in or left out. */
const changes = fc.array(
  fc.record({ at: fc.nat({ max: 400 }), byte: fc.nat({ max: 255 }), does: fc.constantFrom('replace', 'insert', 'remove') }),
  {
    minLength: 1,
    maxLength: 4,
  },
);

test('changed blocks are read, or are an HpackError, and the list keeps to its limit', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(plannedBlock, changes), { minLength: 1, maxLength: 3 }), (plans) => {
      const decoder = new HpackDecoder({ maxListSize: 600 });
      const table = new PlainTable();
      for (const [plan, changed] of plans) {
        const bytes = [...carryOut(table, plan).block];
        for (const { at, byte, does } of changed)
          bytes.splice(at % (bytes.length + 1), does === 'insert' ? 0 : 1, ...(does === 'remove' ? [] : [byte]));
        checkHostile(decoder, Buffer.from(bytes));
      }
    }),
    { numRuns: 3500 },
  );
});

test('random bytes are read, or are an HpackError', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { minLength: 1, maxLength: 4 }), (blocks) => {
      const decoder = new HpackDecoder({ maxListSize: 600 });
      for (const block of blocks) checkHostile(decoder, block);
    }),
    { numRuns: 3500 },
  );
});

function checkHostile(decoder: HpackDecoder, block: Uint8Array): void {
  try {
    const list = decoder.decode(block);
    if (list === undefined) return;
    let size = 0;
    for (const text of list) size += text.length + 16;
    assert.ok(size <= 600 && list.length % 2 === 0);
  } catch (error) {
    if (!(error instanceof HpackError)) throw error;
  }
}
