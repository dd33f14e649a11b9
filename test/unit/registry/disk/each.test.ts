import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TaskQueue } from '../../../../src/core/task-queue.js';
import { forEachOf } from '../../../../src/registry/disk/each.js';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('forEachOf', () => {
  test('does each item once, a few at a time', async () => {
    const items = Array.from({ length: 100 }, (_, index) => index);
    const done: number[] = [];
    let running = 0;
    let most = 0;
    await forEachOf(items, async (item) => {
      running += 1;
      most = Math.max(most, running);
      await turn();
      running -= 1;
      done.push(item);
    });
    assert.deepEqual(
      done.toSorted((a, b) => a - b),
      items,
    );
    assert.equal(most, 16);
  });

  test('throws the first failure, begins nothing after it, and leaves nothing running', async () => {
    let running = 0;
    let begun = 0;
    const items = Array.from({ length: 100 }, (_, index) => index);
    const failing = forEachOf(items, async (item) => {
      begun += 1;
      running += 1;
      await turn();
      running -= 1;
      if (item === 3) throw new Error('the fourth');
    });
    await assert.rejects(failing, { message: 'the fourth' });
    assert.equal(running, 0);
    assert.ok(begun < items.length, `${begun} were begun`);
  });
});

describe('TaskQueue', () => {
  test('runs one task at a time, in order, also after one that fails', async () => {
    const serial = new TaskQueue();
    const log: string[] = [];
    const task = (name: string) => async () => {
      log.push(`${name} begins`);
      await turn();
      log.push(`${name} ends`);
      if (name === 'b') throw new Error(name);
      return name;
    };
    const ends = await Promise.allSettled([serial.run(task('a')), serial.run(task('b')), serial.run(task('c'))]);
    assert.deepEqual(log, ['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
    assert.deepEqual(
      ends.map((end) => end.status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
  });
});
