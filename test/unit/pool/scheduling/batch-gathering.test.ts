import assert from 'node:assert/strict';
import test from 'node:test';
import { BatchGathering, type PartialBatch } from '../../../../src/pool/scheduling/batch-gathering.js';

const batch = (changes: Partial<PartialBatch>): PartialBatch => ({
  now: 1000,
  open: 1,
  deadline: Number.POSITIVE_INFINITY,
  runMs: 40,
  ...changes,
});

test('a wait is counted from when a worker could have taken the batch, and anew for the next one', () => {
  const gathering = new BatchGathering(3);
  assert.equal(gathering.restMs(batch({ now: 1000 })), 3);
  assert.equal(gathering.restMs(batch({ now: 1002 })), 1);
  assert.equal(gathering.restMs(batch({ now: 1003 })), 0);
  gathering.reset();
  assert.equal(gathering.restMs(batch({ now: 1010 })), 3);
});

test('maxDelay 0 never waits, not even for callers who were there', () => {
  const gathering = new BatchGathering(0);
  gathering.note(32);
  assert.equal(gathering.restMs(batch({ open: 16 })), 0);
});

test('no wait lasts until a deadline: the time that a batch takes, and half of it again, is left', () => {
  const gathering = new BatchGathering(1000);
  assert.equal(gathering.restMs(batch({ deadline: 1100, runMs: 40 })), 40);
  assert.equal(gathering.restMs(batch({ now: 1040, deadline: 1100, runMs: 40 })), 0);
});

test('while nobody knows how long a batch takes, half of the time until the deadline is left', () => {
  const gathering = new BatchGathering(1000);
  assert.equal(gathering.restMs(batch({ deadline: 1100, runMs: undefined })), 50);
  assert.equal(gathering.restMs(batch({ now: 1025, deadline: 1100, runMs: undefined })), 25);
  assert.equal(gathering.restMs(batch({ now: 1050, deadline: 1100, runMs: undefined })), 0);
});

test('a deadline that has nearly passed is not waited for', () => {
  const gathering = new BatchGathering(1000);
  assert.equal(gathering.restMs(batch({ deadline: 1001, runMs: 40 })), 0);
});

test('auto waits for callers who were there lately, a tenth of what a batch takes and 5 ms at most', () => {
  const gathering = new BatchGathering('auto');
  gathering.note(32);
  assert.equal(gathering.restMs(batch({ open: 16, runMs: 20 })), 2);
  gathering.reset();
  assert.equal(gathering.restMs(batch({ open: 16, runMs: 4000 })), 5);
});

test('auto waits for the most who were there lately, however few of them are there now', () => {
  const gathering = new BatchGathering('auto');
  for (const open of [32, 16, 1]) gathering.note(open);
  assert.equal(gathering.restMs(batch({ open: 31 })), 4);
});

test('auto does not wait once all who were there lately are back, nor for who calls alone', () => {
  const gathering = new BatchGathering('auto');
  gathering.note(1);
  assert.equal(gathering.restMs(batch({ open: 1 })), 0);
  gathering.reset();
  gathering.note(32);
  assert.equal(gathering.restMs(batch({ open: 16 })), 4);
  gathering.note(32);
  assert.equal(gathering.restMs(batch({ now: 1001, open: 32 })), 0);
});

test('auto waits in vain once: who did not come back is not expected again', () => {
  const gathering = new BatchGathering('auto');
  gathering.note(32);
  assert.equal(gathering.restMs(batch({ open: 16 })), 4);
  assert.equal(gathering.restMs(batch({ now: 1004, open: 16 })), 0);
  gathering.reset();
  assert.equal(gathering.restMs(batch({ now: 1050, open: 16 })), 0);
});

test('auto does not wait while nobody knows how long a batch takes', () => {
  const gathering = new BatchGathering('auto');
  gathering.note(32);
  assert.equal(gathering.restMs(batch({ open: 16, runMs: undefined })), 0);
});
