import assert from 'node:assert/strict';
import test from 'node:test';
import { startTimer } from '../../../src/core/deadline.js';

test('a timer counts further than 25 days, where a bare one would fire at once', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const days = 86_400_000;
  let fired = 0;
  startTimer(60 * days, () => {
    fired += 1;
  });
  // Day by day: a timer that is started in a tick counts from the tick's end.
  for (let day = 1; day <= 61; day++) {
    t.mock.timers.tick(days);
    if (day < 60) assert.equal(fired, 0, `after ${day} days`);
  }
  assert.equal(fired, 1);
});

test('a cancelled timer does not fire, whichever leg it is on', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const days = 86_400_000;
  const cancel = startTimer(60 * days, () => assert.fail('it fired'));
  for (let day = 1; day <= 40; day++) t.mock.timers.tick(days);
  cancel();
  for (let day = 1; day <= 40; day++) t.mock.timers.tick(days);
});
