import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { DaemonReport } from '@dcf/sdk/contract';
import { CallLog, formatCall } from '../../../src/telemetry/call-log.js';
import type { FunctionLogEntry } from '../../../src/telemetry/log-entry.js';
import { digits, entry, openLogs, textsOf } from './support.js';

const facts: DaemonReport = {
  id: 'call-1',
  revision: '0123456789abcdef',
  replica: 2,
  worker: 1,
  queueMs: 0.2,
  runMs: 12.14,
  batchSize: 4,
  providers: ['cuda', 'cpu'],
  cold: true,
  memory: 80 * 2 ** 20,
  peakMemory: 95.5 * 2 ** 20,
};

test('a line tells all that is known of the call, and leaves out what is not', () => {
  assert.equal(
    formatCall('OK', facts),
    'REPORT queue=0.20ms run=12.1ms cold replica=2 worker=1 batch=4 provider=cuda,cpu memory=80MiB peak=95.5MiB status=OK',
  );
  const less = { ...facts, cold: false, providers: [], memory: 0, peakMemory: 0 };
  assert.equal(formatCall('UNKNOWN', less), 'REPORT queue=0.20ms run=12.1ms warm replica=2 worker=1 batch=4 status=UNKNOWN');
  assert.equal(formatCall('RESOURCE_EXHAUSTED', { ...less, replica: 0 }), 'REPORT queue=0.20ms status=RESOURCE_EXHAUSTED');
});

function collect(t: TestContext): { calls: CallLog; entries: FunctionLogEntry[]; made: () => number; call: (count: number) => void } {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const entries: FunctionLogEntry[] = [];
  const calls = new CallLog((line) => entries.push(line));
  let made = 0;
  const report = (): DaemonReport => {
    made += 1;
    return { ...facts, id: `call-${made}` };
  };
  const call = (count: number): void => {
    for (let index = 0; index < count; index++) calls.append('OK', report);
  };
  return { calls, entries, made: () => made, call };
}

test("a call's line carries its id and where it ran", (t) => {
  const { entries, call } = collect(t);
  call(1);
  const [{ level, callId, replica, worker, revision } = entry('')] = entries;
  assert.deepEqual(
    { level, callId, replica, worker, revision },
    { level: 'info', callId: 'call-1', replica: 2, worker: 1, revision: facts.revision },
  );
});

test('a hundred lines a second, one that counts the other calls, and no report is made for those', (t) => {
  const { entries, made, call } = collect(t);
  call(1_234);
  assert.deepEqual([entries.length, made()], [100, 100]);
  t.mock.timers.tick(1_000);
  assert.deepEqual([entries.length, entries.at(-1)?.text], [101, '1134 calls are not logged here: at most 100 a second are']);
  call(150);
  t.mock.timers.tick(1_000);
  assert.deepEqual([entries.length, entries.at(-1)?.text], [202, '50 calls are not logged here: at most 100 a second are']);
  t.mock.timers.tick(5_000);
  call(100);
  t.mock.timers.tick(1_000);
  assert.equal(entries.length, 302, 'nothing is told where nothing is missing');
});

test('what is missing is told at the end, and forgotten with the function', (t) => {
  const { calls, entries, call } = collect(t);
  call(101);
  calls.close();
  assert.equal(entries.at(-1)?.text, '1 calls are not logged here: at most 100 a second are');
  call(101);
  calls.forget();
  const before = entries.length;
  t.mock.timers.tick(1_000);
  assert.equal(entries.length, before);
});

test('the lines of calls are in the function log, also those that wait at the end', async (t) => {
  const { logs } = await openLogs(t);
  logs.append(digits, entry('before'));
  for (let call = 0; call < 102; call++) logs.appendCall(digits, 'OK', () => facts);
  await logs.close();
  const texts = await textsOf(logs.read(digits));
  assert.equal(texts.length, 102);
  assert.deepEqual([texts[0], texts.at(-1)], ['before', '2 calls are not logged here: at most 100 a second are']);
});
