import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseCpuSeconds, parseResidentBytes, readUsage } from '../../../bench/harness/proc.js';

const linuxOnly = { skip: process.platform === 'linux' ? false : '/proc is Linux' };

describe('readUsage', () => {
  it('finds the times of a process whose name has brackets and spaces', () => {
    const stat = '4242 (node) x) S 1 4242 4242 0 -1 4194560 5123 0 3 0 150 25 7 8 20 0 11 0 71250 1306529792 15104';
    assert.equal(parseCpuSeconds(stat), 1.75);
  });

  it('finds the resident memory', () => {
    assert.equal(parseResidentBytes('Name:\tnode\nVmHWM:\t   99999 kB\nVmRSS:\t   60416 kB\nThreads:\t11\n'), 60_416 * 1024);
  });

  it('refuses a process that has ended: a zombie has no memory', () => {
    assert.throws(() => parseResidentBytes('Name:\tnode\nState:\tZ (zombie)\n'), { name: 'DcfError', message: /VmRSS/ });
  });

  it('reads this very process as Node itself sees it', linuxOnly, async () => {
    const before = process.cpuUsage();
    const { cpuSeconds, residentBytes } = await readUsage(process.pid);
    const after = process.cpuUsage();
    const tick = 0.02;
    assert.ok(cpuSeconds >= (before.user + before.system) / 1e6 - tick, `${cpuSeconds} s`);
    assert.ok(cpuSeconds <= (after.user + after.system) / 1e6 + tick, `${cpuSeconds} s`);
    const ratio = residentBytes / process.memoryUsage.rss();
    assert.ok(ratio > 0.5 && ratio < 2, `${residentBytes} bytes`);
  });

  it('says that there is no such process', linuxOnly, async () => {
    await assert.rejects(readUsage(2 ** 30), { name: 'DcfError', code: 'FAILED_PRECONDITION' });
  });
});
