import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DcfError } from '../../../src/core/errors.js';
import { requireFunctionName } from '../../../src/core/names.js';
import { ByteBudget } from '../../../src/gateway/byte-budget.js';
import { LimitedStream, noStream, streamBytes } from '../../../src/gateway/limited-stream.js';

const caller = { head: () => undefined, chunk: () => undefined, room: () => undefined };
const target = { name: requireFunctionName('tested'), maxPayload: 2_000_000 };

function startStream(budget: ByteBudget): { stream: LimitedStream; cancels: (DcfError | undefined)[] } {
  const cancels: (DcfError | undefined)[] = [];
  budget.take(streamBytes);
  const stream = new LimitedStream(caller, budget, target);
  stream.stream = { ...noStream, write: () => true, cancel: (error) => cancels.push(error) };
  return { stream, cancels };
}

test('a long chunk of the only stream finds room, however small the budget is: waiting would not help it', () => {
  const budget = new ByteBudget(1_000_000);
  const { stream, cancels } = startStream(budget);
  assert.ok(stream.write(Buffer.alloc(1_000_000)));
  assert.ok(stream.write(Buffer.alloc(1_000_000)));
  assert.deepEqual(cancels, []);
  assert.equal(budget.taken, streamBytes + 2_000_000);
  stream.room();
  assert.equal(budget.taken, streamBytes);
});

test('a long chunk beside other calls has to fit into the budget, and a short one is in what each stream holds', () => {
  const budget = new ByteBudget(1_000_000);
  const { stream, cancels } = startStream(budget);
  budget.take(1);
  assert.ok(stream.write(Buffer.alloc(streamBytes / 2)));
  assert.equal(stream.write(Buffer.alloc(1_000_000)), false);
  assert.deepEqual(
    cancels.map((error) => [error?.code, error?.retryAfterMs]),
    [['RESOURCE_EXHAUSTED', 100]],
  );
  assert.equal(budget.taken, streamBytes + 1);
});
