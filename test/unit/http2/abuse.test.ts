import assert from 'node:assert/strict';
import test from 'node:test';
import { type Abuse, AbuseGuard, defaultAbuseLimits } from '../../../src/http2/abuse.js';
import { Pace } from '../../../src/http2/pace.js';

const kinds: Record<Abuse, true> = { reset: true, settings: true, ping: true, empty: true, ignored: true, windowUpdate: true };

const calm = { name: 'ConnectionError', code: 'ENHANCE_YOUR_CALM' };

for (const kind of Object.keys(kinds).filter(isAbuse)) {
  const { burst, perSecond } = defaultAbuseLimits[kind];
  test(`${kind}: ${burst} at once, then ${perSecond} a second`, () => {
    let now = 5_000;
    const guard = new AbuseGuard(defaultAbuseLimits, () => now);
    for (let count = 0; count < burst; count++) guard.count(kind);
    assert.throws(() => guard.count(kind), calm);
    now += 1_000;
    for (let count = 0; count < perSecond; count++) guard.count(kind);
    assert.throws(() => guard.count(kind), calm);
    now += 1_000_000;
    for (let count = 0; count < burst; count++) guard.count(kind);
    assert.throws(() => guard.count(kind), calm);
  });
}

function isAbuse(name: string): name is Abuse {
  return name in kinds;
}

test('one kind takes nothing from another', () => {
  const guard = new AbuseGuard({ ...defaultAbuseLimits, ping: { burst: 1, perSecond: 1 } }, () => 0);
  guard.count('ping');
  assert.throws(() => guard.count('ping'), calm);
  guard.count('settings');
});

test('the limits may be so low that less than one comes back in a look', () => {
  let now = 0;
  const guard = new AbuseGuard({ ...defaultAbuseLimits, ping: { burst: 1, perSecond: 0.5 } }, () => now);
  guard.count('ping');
  for (now = 100; now < 2_000; now += 100) assert.throws(() => guard.count('ping'), calm);
  guard.count('ping');
});

function pace(leastPingInterval: number): { pace: Pace; clock: { now: number }; sent: { contents: number } } {
  const clock = { now: 1_000_000 };
  const sent = { contents: 0 };
  const now = (): number => clock.now;
  return { pace: new Pace(new AbuseGuard(defaultAbuseLimits, now), sent, { leastPingInterval, now }), clock, sent };
}

test('a third PING that comes too early ends the connection with too_many_pings', () => {
  const { pace: judge } = pace(5_000);
  for (let ping = 0; ping < 3; ping++) judge.ping();
  assert.throws(() => judge.ping(), { ...calm, message: 'too_many_pings' });
});

test('PINGs as far apart as they must be are never too many', () => {
  const { pace: judge, clock } = pace(5_000);
  for (let ping = 0; ping < 100; ping++, clock.now += 5_000) judge.ping();
});

test('what we send allows PINGs', () => {
  const { pace: judge, clock, sent } = pace(5_000);
  for (let ping = 0; ping < 100; ping++, clock.now += 100) {
    if (ping % 3 === 0) sent.contents += 1;
    judge.ping();
  }
});

test('WINDOW_UPDATE: three for each frame of ours, 1,000 of them at most, and then as many as the limit says', () => {
  const { pace: judge, sent } = pace(5_000);
  const { burst } = defaultAbuseLimits.windowUpdate;
  sent.contents = 10;
  for (let count = 0; count < 30 + burst; count++) judge.windowUpdate();
  assert.throws(() => judge.windowUpdate(), calm);
  sent.contents += 1_000_000;
  for (let count = 0; count < 1_000; count++) judge.windowUpdate();
  assert.throws(() => judge.windowUpdate(), calm);
});
