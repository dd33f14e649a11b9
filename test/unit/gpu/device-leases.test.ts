import assert from 'node:assert/strict';
import test from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { parseManifestJson } from '@dcf/sdk/manifest';
import { DeviceLeases, devicesFor } from '../../../src/gpu/device-leases.js';

const forever = new AbortController().signal;

/** Whether a promise has settled once all that could be done at once is done. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const note = (): void => {
    settled = true;
  };
  promise.then(note, note);
  await setImmediate();
  return settled;
}

test('each replica gets the devices with the fewest replicas', () => {
  const leases = new DeviceLeases(['0', '1', '3']);
  const first = leases.take(1);
  const second = leases.take(1);
  assert.deepEqual([first.devices, second.devices], [['0'], ['1']]);
  assert.deepEqual(leases.take(2).devices, ['0', '3']);
  first.release();
  first.release();
  // 0, 1 and 3 have one each now: a lease that is given back twice counts once.
  assert.deepEqual(leases.take(1).devices, ['0']);
  assert.deepEqual(leases.take(1).devices, ['1']);
  assert.deepEqual(leases.take(0).devices, []);
  assert.throws(() => leases.take(4), { code: 'FAILED_PRECONDITION', message: /limits\.gpu is 4; this host has 3 devices/ });
});

test('those that share a device have their turns on it one after another; others do not wait', async () => {
  const leases = new DeviceLeases(['0', '1']);
  const both = leases.take(2);
  const [zero, one] = [leases.take(1), leases.take(1)];
  const endBoth = await both.turn(forever);
  const turnZero = zero.turn(forever);
  const turnOne = one.turn(forever);
  assert.deepEqual([await isSettled(turnZero), await isSettled(turnOne)], [false, false]);
  endBoth();
  await Promise.all([turnZero, turnOne]);
  const next = leases.take(1);
  assert.deepEqual(next.devices, ['0']);
  const turnNext = next.turn(forever);
  (await turnOne)();
  assert.equal(await isSettled(turnNext), false);
  (await turnZero)();
  await turnNext;
});

test('a start that is stopped gives its turn up, and lets nobody overtake who was there before', async () => {
  const leases = new DeviceLeases(['0']);
  const endFirst = await leases.take(1).turn(forever);
  const stopped = new AbortController();
  const given = assert.rejects(leases.take(1).turn(stopped.signal), { code: 'CANCELLED' });
  const third = leases.take(1).turn(forever);
  stopped.abort();
  await given;
  assert.equal(await isSettled(third), false);
  endFirst();
  await third;
  await assert.rejects(leases.take(1).turn(AbortSignal.abort()), { code: 'CANCELLED' });
});

test('a turn that does not end is waited for so long and no longer', async () => {
  const leases = new DeviceLeases(['0'], 10);
  await leases.take(1).turn(forever);
  const endSecond = await leases.take(1).turn(forever);
  const third = leases.take(1).turn(forever);
  endSecond();
  await third;
});

test('a function gets what it asks for, otherwise one device if it would use one', () => {
  const count = (given: object, chosen: string[], found: number): number =>
    devicesFor(parseManifestJson(JSON.stringify({ name: 'f', ...given })), chosen, found);
  assert.equal(count({}, ['cuda', 'cpu'], 2), 1);
  assert.equal(count({}, ['cpu'], 2), 0);
  assert.equal(count({ providers: ['cpu'] }, ['cpu'], 2), 0);
  assert.equal(count({ limits: { gpu: 2 } }, ['cpu'], 2), 2);
  assert.equal(count({ runtime: 'python', handler: 'handler.py' }, ['cpu'], 2), 1);
  assert.equal(count({ runtime: 'python', handler: 'handler.py', providers: ['cpu'] }, ['cpu'], 2), 0);
  assert.equal(count({ runtime: 'python', handler: 'handler.py' }, ['cpu'], 0), 0);
  assert.throws(() => count({ limits: { gpu: 1 } }, ['cpu'], 0), { message: /limits\.gpu is 1; this host has no NVIDIA device/ });
});
