import assert from 'node:assert/strict';
import test from 'node:test';
import { ReceiveWindow, SendCredit } from '../../../src/wire/credit.js';
import { chunkCost, initialCredit } from '../../../src/wire/messages.js';

test('a sender may send while any credit is left, and one chunk may take it below', () => {
  const credit = new SendCredit();
  credit.spend(initialCredit - chunkCost - 1);
  assert.equal(credit.open, true);
  credit.spend(1_000_000);
  assert.equal(credit.open, false);
  credit.grant(1_000_000 + chunkCost - 1);
  assert.equal(credit.open, false);
  credit.grant(1);
  assert.equal(credit.open, true);
});

test('empty chunks are bounded, too', () => {
  const credit = new SendCredit();
  let sent = 0;
  for (; credit.open; sent += 1) credit.spend(0);
  assert.equal(sent, initialCredit / chunkCost);
});

test('credit comes back for what the reader has taken, and all of it in the end', () => {
  const window = new ReceiveWindow();
  const credit = new SendCredit();
  for (let round = 0; round < 1_000; round++) {
    for (let count = 0; credit.open && count < 7; count++) {
      credit.spend(1_000);
      window.receive(1_000);
      assert.equal(window.empty, false);
    }
    while (!window.empty) {
      const granted = window.take(1_000);
      assert.ok(granted === 0 || granted >= initialCredit / 4);
      credit.grant(granted);
    }
    assert.equal(credit.open, true);
  }
});

test('a sender that has used up its credit gets it back when everything is taken', () => {
  for (const length of [0, 1, 65_536, 5_000_000]) {
    const window = new ReceiveWindow();
    const credit = new SendCredit();
    let sent = 0;
    for (; credit.open; sent += 1) {
      credit.spend(length);
      window.receive(length);
    }
    assert.throws(() => window.receive(0), /without credit/);
    for (let taken = 0; taken < sent; taken++) credit.grant(window.take(length));
    assert.equal(credit.open, true, `chunks of ${length} bytes`);
  }
});
