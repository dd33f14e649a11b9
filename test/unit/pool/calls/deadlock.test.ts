import assert from 'node:assert/strict';
import test from 'node:test';
import { type AwaitedCall, findDeadlock, type SlotHolder, type SlotOwner } from '../../../../src/pool/calls/deadlock.js';

/** A pool whose slots are all taken, unless a test says otherwise. */
class TestOwner implements SlotOwner {
  canGainSlots = false;
  readonly held: TestCall[] = [];

  readonly function: string;

  constructor(name: string) {
    this.function = name;
  }

  holders(): Iterable<SlotHolder> {
    return this.held;
  }

  /** A call that holds one of its slots. */
  runs(): TestCall {
    const call = new TestCall(this, true);
    this.held.push(call);
    return call;
  }

  /** A call that waits for one. */
  queues(): TestCall {
    return new TestCall(this, false);
  }
}

class TestCall implements AwaitedCall {
  settled = false;
  private readonly nested: TestCall[] = [];

  constructor(
    readonly slots: TestOwner,
    readonly begun: boolean,
  ) {}

  get function(): string {
    return this.slots.function;
  }

  awaited(): Iterable<TestCall> {
    return this.nested;
  }

  waitsFor(...calls: TestCall[]): this {
    this.nested.push(...calls);
    return this;
  }
}

function shown(owner: SlotOwner): string[] | undefined {
  return findDeadlock(owner)?.map(({ from, to }) => `${from}→${to}`);
}

test('a call that waits for nothing can end, and one that runs for another; of a pool without calls nothing is said', () => {
  const a = new TestOwner('a');
  const b = new TestOwner('b');
  assert.equal(shown(a), undefined);
  a.runs().waitsFor(b.runs());
  assert.equal(shown(a), undefined);
  assert.equal(shown(b), undefined);
});

test('a call to itself without a slot', () => {
  const a = new TestOwner('a');
  a.runs().waitsFor(a.queues());
  assert.deepEqual(shown(a), ['a→a']);
  a.runs();
  assert.equal(shown(a), undefined);
});

test('two that wait for each other, a circle of three, and one through a call that runs', () => {
  const a = new TestOwner('a');
  const b = new TestOwner('b');
  const c = new TestOwner('c');
  a.runs().waitsFor(b.queues());
  b.runs().waitsFor(c.queues());
  const last = c.runs();
  assert.equal(shown(a), undefined);
  last.waitsFor(a.queues());
  assert.deepEqual(shown(a)?.toSorted(), ['a→b', 'b→c', 'c→a']);
  assert.deepEqual(shown(b)?.toSorted(), ['a→b', 'b→c', 'c→a']);
  const d = new TestOwner('d');
  const e = new TestOwner('e');
  const inner = e.runs().waitsFor(d.queues());
  d.runs().waitsFor(inner);
  assert.deepEqual(shown(d)?.toSorted(), ['d→e', 'e→d']);
});

test('a pool on the way that can gain a slot, or has a call that can end, resolves it', () => {
  const a = new TestOwner('a');
  const b = new TestOwner('b');
  a.runs().waitsFor(b.queues());
  b.runs().waitsFor(a.queues());
  assert.notEqual(shown(a), undefined);
  b.canGainSlots = true;
  assert.equal(shown(a), undefined);
  b.canGainSlots = false;
  b.runs();
  assert.equal(shown(a), undefined);
});

test('a call that nobody waits for any more ends; one that waits for several goes on with the first', () => {
  const a = new TestOwner('a');
  const b = new TestOwner('b');
  const given = a.runs().waitsFor(a.queues());
  assert.notEqual(shown(a), undefined);
  given.settled = true;
  assert.equal(shown(a), undefined);
  given.settled = false;
  const other = b.runs();
  given.waitsFor(other);
  assert.equal(shown(a), undefined);
  other.waitsFor(a.queues());
  assert.deepEqual(shown(a)?.toSorted(), ['a→a', 'a→b', 'b→a']);
});

test('it ends, and fast, where many wait for many', () => {
  const many = Array.from({ length: 50 }, (_, index) => new TestOwner(`f${index}`));
  for (const owner of many) for (let call = 0; call < 20; call++) owner.runs().waitsFor(...many.map((other) => other.queues()));
  for (const owner of many.slice(0, 8)) assert.equal(shown(owner)?.length, 50 * 50);
  many[49]?.runs();
  for (const owner of many.slice(0, 8)) assert.equal(shown(owner), undefined);
});
