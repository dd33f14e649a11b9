import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { type Load, type ScaleBounds, type ScaleState, scale, scaleIntervalMs } from '../../../../src/pool/scheduling/autoscaler.js';

const bounds: ScaleBounds = { min: 1, max: 8, idleTimeoutMs: 1_000 };
const rest: ScaleState = { wanted: 1, lastNeeded: 1, low: undefined };

/** Looks again and again, a look every `scaleIntervalMs`, every replica being ready by the next one. */
function look(state: ScaleState, calls: readonly number[], given: Partial<ScaleBounds> = {}): number[] {
  let now = 0;
  let current = state;
  return calls.map((count) => {
    const load: Load = { now, calls: count, peakCalls: count, callsPerReplica: 1, readyReplicas: current.wanted };
    current = scale(current, load, { ...bounds, ...given });
    now += scaleIntervalMs;
    return current.wanted;
  });
}

test('a load that lasts is followed at once, at most doubling each time', () => {
  assert.deepEqual(look(rest, [6, 6, 6, 6]), [1, 2, 4, 6]);
  assert.deepEqual(look(rest, [100, 100, 100, 100, 100]), [1, 2, 4, 8, 8]);
});

test('a burst that is over at the next look starts nothing', () => {
  assert.deepEqual(look(rest, [50, 0, 50, 1, 50]), [1, 1, 1, 1, 1]);
});

test('what is not needed goes only after idleTimeout, to the most that was needed meanwhile', () => {
  const busy: ScaleState = { wanted: 6, lastNeeded: 6, low: undefined };
  assert.deepEqual(look(busy, [6, 2, 3, 2, 2, 2, 2]), [6, 6, 6, 6, 6, 3, 3]);
});

test('a load that goes up and down does not flap', () => {
  const swinging = Array.from({ length: 40 }, (_, index) => (index % 4 < 2 ? 4 : 0));
  assert.deepEqual(new Set(look({ wanted: 4, lastNeeded: 4, low: undefined }, swinging)), new Set([4]));
});

test('at rest it goes to zero where min is 0, and to min otherwise', () => {
  assert.equal(look(rest, Array(10).fill(0), { min: 0 }).at(-1), 0);
  assert.equal(look({ ...rest, wanted: 5 }, Array(10).fill(0), { min: 2 }).at(-1), 2);
});

test('calls that come and go between two looks keep a replica', () => {
  let state: ScaleState = rest;
  for (let now = 0; now < 10_000; now += scaleIntervalMs) {
    state = scale(state, { now, calls: 0, peakCalls: 1, callsPerReplica: 4, readyReplicas: 1 }, { ...bounds, min: 0 });
    assert.equal(state.wanted, 1);
  }
});

test('while nothing is ready yet, one replica is enough to find out', () => {
  const waking: ScaleState = { wanted: 1, lastNeeded: 8, low: undefined };
  assert.equal(scale(waking, { now: 0, calls: 8, peakCalls: 8, callsPerReplica: 1, readyReplicas: 0 }, bounds).wanted, 1);
});

test('whatever the load, the number stays within the bounds', () => {
  const loads = fc.array(fc.record({ calls: fc.nat(2_000), extra: fc.nat(500), ready: fc.nat(20) }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(loads, fc.nat(5), fc.nat(10), fc.integer({ min: 1, max: 64 }), (samples, min, more, callsPerReplica) => {
      const max = Math.max(1, min + more);
      let state: ScaleState = { wanted: min, lastNeeded: 0, low: undefined };
      samples.forEach(({ calls, extra, ready }, index) => {
        const load = { now: index * scaleIntervalMs, calls, peakCalls: calls + extra, callsPerReplica, readyReplicas: ready };
        state = scale(state, load, { min, max, idleTimeoutMs: 700 });
        assert.ok(state.wanted >= min && state.wanted <= max, `${state.wanted} of ${min} to ${max}`);
      });
    }),
  );
});
