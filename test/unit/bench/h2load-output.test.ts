import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseRequestLog, parseSummary } from '../../../bench/harness/h2load-output.js';

/** As h2load of nghttp2 1.52.0 printed it. */
const printed = `starting benchmark...
spawning thread #0: 1 total client(s). 5000 total requests
Application protocol: h2c
progress: 50% done
progress: 100% done

finished in 1.32s, 3795.38 req/s, 389.40KB/s
requests: 5000 total, 5000 started, 5000 done, 4999 succeeded, 1 failed, 0 errored, 0 timeout
status codes: 4999 2xx, 0 3xx, 1 4xx, 0 5xx
traffic: 512.99KB (525298) total, 24.52KB (25113) headers (space savings 96.39%), 346.68KB (355000) data
                     min         max         mean         sd        +/- sd
time for request:     1.06ms    154.06ms     16.39ms     22.00ms    92.32%
time for connect:      138us       138us       138us         0us   100.00%
time to 1st byte:    75.55ms     75.55ms     75.55ms         0us   100.00%
req/s           :    3797.99     3797.99     3797.99        0.00   100.00%
`;

/** What it prints when nobody listens; it exits with 0. */
const refused = `starting benchmark...
spawning thread #0: 1 total client(s). 4 total requests

finished in 4.54ms, 0.00 req/s, 0B/s
requests: 4 total, 0 started, 0 done, 0 succeeded, 4 failed, 4 errored, 0 timeout
status codes: 0 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 0B (0) total, 0B (0) headers (space savings 0.00%), 0B (0) data
`;

describe('parseSummary', () => {
  it('reads the rate of the whole run, what succeeded, and the bytes of the bodies', () => {
    assert.deepEqual(parseSummary(printed), {
      callsPerSecond: 3795.38,
      total: 5000,
      succeeded: 4999,
      successes: 4999,
      failed: 1,
      dataBytes: 355_000,
    });
  });

  it('reads sizes and times in other units alike', () => {
    const large = printed
      .replace('finished in 1.32s, 3795.38 req/s, 389.40KB/s', 'finished in 358.74ms, 111 req/s, 111.64MB/s')
      .replace('346.68KB (355000) data', '40.00MB (41943400) data');
    assert.deepEqual(parseSummary(large), {
      callsPerSecond: 111,
      total: 5000,
      succeeded: 4999,
      successes: 4999,
      failed: 1,
      dataBytes: 41_943_400,
    });
  });

  it('reads a run in which nobody answered', () => {
    assert.deepEqual(parseSummary(refused), { callsPerSecond: 0, total: 4, succeeded: 0, successes: 0, failed: 4, dataBytes: 0 });
  });

  it('refuses what is no such text, and shows it', () => {
    assert.throws(() => parseSummary('h2load: unrecognized option'), {
      name: 'DcfError',
      code: 'INTERNAL',
      message: /unrecognized option/,
    });
    assert.throws(() => parseSummary(printed.replace(/^traffic.*\n/m, '')), { name: 'DcfError' });
  });
});

describe('parseRequestLog', () => {
  it('reads milliseconds from microseconds', () => {
    assert.deepEqual(parseRequestLog('1795256127158721\t200\t75227\n1795256127158723\t200\t131\n'), [75.227, 0.131]);
  });

  it('passes over columns that a later version adds', () => {
    assert.deepEqual(parseRequestLog('1795256127158721\t200\t1000\tmore\n'), [1]);
  });

  it('has nothing to read in an empty log', () => {
    assert.deepEqual(parseRequestLog(''), []);
  });

  it('refuses streams that failed, HTTP errors and other lines', () => {
    for (const line of ['1795256127158721\t-1\t75227', '1795256127158721\t404\t75227', '1795256127158721\t200', 'no log']) {
      assert.throws(() => parseRequestLog(`1795256127158721\t200\t1\n${line}\n`), { name: 'DcfError', code: 'INTERNAL' }, line);
    }
  });
});
