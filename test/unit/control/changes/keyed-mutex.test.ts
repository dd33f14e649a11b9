import assert from 'node:assert/strict';
import test from 'node:test';
import { KeyedMutex } from '../../../../src/control/changes/keyed-mutex.js';
import { isFunctionName } from '../../../../src/core/names.js';
import { defer } from '../../../../src/core/promises.js';

const name = 'digits';
assert.ok(isFunctionName(name));

test('a second change is refused, one that waits comes after the first, whatever became of that', async () => {
  const changes = new KeyedMutex();
  const first = defer<void>();
  const order: string[] = [];
  const running = changes.run(name, () => first.promise);
  const waiting = [1, 2].map((number) => changes.whenFree(name, async () => order.push(`waited ${number}`)));
  await assert.rejects(
    changes.run(name, async () => order.push('refused')),
    { code: 'ABORTED', message: /another change of digits is running/ },
  );
  assert.equal(order.length, 0);
  first.reject(new Error('for the test'));
  await assert.rejects(running, /for the test/);
  await Promise.all(waiting);
  assert.equal(order.join(), 'waited 1,waited 2');
  await changes.run(name, async () => order.push('free again'));
  assert.equal(order.length, 3);
});
