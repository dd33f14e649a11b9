import assert from 'node:assert/strict';
import test from 'node:test';
import { type DaemonReport, decodeReport, encodeReport } from '@dcf/sdk/contract';

const report: DaemonReport = {
  id: 'mine-1',
  revision: '0123456789abcdef',
  replica: 3,
  worker: 1,
  queueMs: 0.25,
  runMs: 12.125,
  batchSize: 4,
  providers: ['cuda', 'cpu'],
  cold: true,
  memory: 2 ** 27,
  peakMemory: 2 ** 28,
};

test('a report comes back as it went, in printable ASCII, whatever a worker calls its providers', () => {
  assert.deepEqual(decodeReport(encodeReport(report)), report);
  const odd = { ...report, providers: ['grüße\n\u2028\u007f\ud800'] };
  const text = encodeReport(odd);
  assert.match(text, /^[\x20-\x7e]+$/);
  assert.deepEqual(decodeReport(text), odd);
});

test('times are told to the microsecond, and a report stays small enough for a header', () => {
  assert.match(encodeReport({ ...report, queueMs: 0.123_456 }), /"queueMs":0\.123,/);
  const huge = encodeReport({ ...report, id: 'x'.repeat(128), providers: Array.from({ length: 5000 }, () => 'ü'.repeat(500)) });
  assert.ok(huge.length < 3072, `${huge.length} bytes`);
  assert.equal(decodeReport(huge)?.providers.length, 8);
});

test('what is no report is none', () => {
  const { worker: _left, ...incomplete } = report;
  const wrong = [incomplete, { ...report, runMs: 'soon' }, { ...report, providers: [1] }, { ...report, cold: 'no' }, null, 3, []];
  for (const value of wrong) assert.equal(decodeReport(JSON.stringify(value)), undefined);
  assert.equal(decodeReport(''), undefined);
  assert.equal(decodeReport('revision=1'), undefined);
});
