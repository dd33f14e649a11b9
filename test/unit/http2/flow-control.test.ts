import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { checkIncrement, maxWindow, ReceiveWindow, SendWindow } from '../../../src/http2/flow-control.js';

test('a window to send may be negative, and grows from there', () => {
  const window = new SendWindow(100);
  window.spend(80);
  assert.ok(window.grow(-90));
  assert.equal(window.available, -70);
  assert.ok(window.grow(71));
  assert.equal(window.available, 1);
});

test('a window to send grows to 2^31 - 1 and no further, and is unchanged when it would', () => {
  const window = new SendWindow(10);
  assert.ok(window.grow(maxWindow - 10));
  assert.equal(window.available, maxWindow);
  assert.equal(window.grow(1), false);
  assert.equal(window.available, maxWindow);
});

test('the increment of a WINDOW_UPDATE is not 0', () => {
  assert.equal(checkIncrement(1, 3), 1);
  assert.throws(() => checkIncrement(0, 0), { name: 'ConnectionError', code: 'PROTOCOL_ERROR' });
  assert.throws(() => checkIncrement(0, 3), { name: 'StreamError', code: 'PROTOCOL_ERROR' });
});

test('a window to receive takes as much as its size, and not a byte more', () => {
  const window = new ReceiveWindow(10);
  assert.ok(window.receive(10));
  assert.equal(window.receive(1), false);
});

test('credit is given back from half the window on', () => {
  const window = new ReceiveWindow(10);
  assert.ok(window.receive(10));
  assert.equal(window.giveBack(4), 0);
  assert.equal(window.giveBack(1), 5);
  assert.ok(window.receive(5));
  assert.equal(window.receive(1), false);
});

const steps = fc.array(
  fc.oneof(
    fc.record({ does: fc.constant('send' as const), bytes: fc.nat({ max: 400 }) }),
    fc.record({ does: fc.constant('take' as const), bytes: fc.nat({ max: 400 }) }),
    fc.record({ does: fc.constant('widen' as const), bytes: fc.oneof(fc.nat({ max: 1_000 }), fc.constant(maxWindow)) }),
  ),
  { maxLength: 40 },
);

test('a window to receive: what is outstanding is bounded, the client agrees on it, and it never stalls', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), steps, (size, plan) => {
      const window = new ReceiveWindow(size);
      // What the client reckons, and what has come and was not taken.
      let credit = size;
      let held = 0;
      let widest = 0;
      for (const { does, bytes } of plan) {
        if (does === 'send') {
          const length = Math.min(bytes, credit);
          credit -= length;
          held += length;
          assert.ok(window.receive(length), 'the client kept to its credit');
        } else if (does === 'take') {
          const length = Math.min(bytes, held);
          held -= length;
          credit += window.giveBack(length);
        } else {
          credit += window.widen(bytes);
          widest = Math.max(widest, bytes);
          assert.ok(credit >= bytes);
        }
        assert.ok(credit <= maxWindow, 'the window of the client overflows');
        assert.ok(credit + held <= Math.max(size, widest + held), `${credit} to come and ${held} held of ${size} and ${widest}`);
      }
      credit += window.giveBack(held);
      assert.ok(credit >= Math.ceil(size / 2), `the client may send ${credit} bytes though everything was taken`);
      assert.ok(window.receive(credit) && !window.receive(1));
    }),
    { numRuns: 2_000 },
  );
});
