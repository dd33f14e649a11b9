import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { judge, type Limit } from '../../../bench/harness/finding.js';
import { describeFinding } from '../../../bench/harness/report.js';

function compared(limit?: Limit) {
  const subject = { name: 'dcf', values: [80, 40, 90] };
  const peer = { name: 'bare', values: [100, 50, 100] };
  return judge({ kind: 'compared', what: 'throughput', unit: 'calls a second', subject, peer, ...(limit && { limit }) });
}

function measured(values: readonly number[], limit: Limit) {
  return judge({ kind: 'measured', what: 'start', unit: 'milliseconds', values, limit }).verdict;
}

describe('judge', () => {
  it('holds the median of the ratios of the rounds against the limit', () => {
    assert.equal(compared({ kind: 'at least', value: 0.8 }).verdict, 'pass');
    assert.equal(compared({ kind: 'at least', value: 0.81 }).verdict, 'miss');
    assert.equal(compared({ kind: 'at most', value: 0.8 }).verdict, 'pass');
    assert.equal(compared({ kind: 'at most', value: 0.79 }).verdict, 'miss');
  });

  it('holds the median of what was measured alone against the limit', () => {
    assert.equal(measured([900, 999, 5000], { kind: 'under', value: 1000 }), 'pass');
    assert.equal(measured([900, 1000, 1000], { kind: 'under', value: 1000 }), 'miss');
  });

  it('misses what is no number', () => {
    assert.equal(measured([Number.NaN], { kind: 'at most', value: 1 }), 'miss');
  });

  it('says that there was no limit', () => {
    assert.equal(compared().verdict, 'no limit');
  });
});

describe('describeFinding', () => {
  it('shows both sides, the ratio, their spread, the limit and whether it was kept', () => {
    const lines = describeFinding(compared({ kind: 'at least', value: 0.81 })).split('\n');
    assert.deepEqual(lines, [
      '  throughput, calls a second',
      '    dcf    80.0 (40.0–90.0)',
      '    bare   100 (50.0–100)',
      '    ratio  0.80 (0.80–0.90)  limit: at least 0.81: MISS',
    ]);
  });

  it('shows no spread where there is none', () => {
    assert.equal(describeFinding(judge({ kind: 'measured', what: 'x', unit: 'y', values: [0.5] })), '  x, y\n    0.50');
  });

  it('shows figures of any size with three digits that count', () => {
    const finding = { kind: 'measured', what: 'x', unit: 'y', values: [0, 0.01234, 34567.8] } as const;
    assert.equal(describeFinding(judge(finding)), '  x, y\n    0.012 (0–34,568)');
  });
});
