import type { Benchmark } from '../benchmark.js';
import { compareEcho, echoFinding, startEchoPair } from '../harness/echo-pair.js';

const mebibyte = 2 ** 20;

const cases = [
  { mebibytes: 1, calls: 300, inFlight: 4, least: 0.85 },
  { mebibytes: 32, calls: 20, inFlight: 2, least: 0.5 },
];

/** What bytes cost: how many a second come back. */
export const payload: Benchmark = {
  name: 'payload',
  title: 'echo of large payloads, a few calls in flight on one connection',
  run: async (scope) => {
    const pair = await startEchoPair(scope);
    const findings = [];
    for (const { mebibytes, least, ...amount } of cases) {
      const results = await compareEcho(scope, pair, { bytes: mebibytes * mebibyte, ...amount });
      findings.push(
        echoFinding(results, {
          what: `throughput of ${mebibytes} MiB, ${amount.inFlight} in flight`,
          unit: 'MiB a second',
          limit: { kind: 'at least', value: least },
          value: (result) => result.callsPerSecond * mebibytes,
        }),
      );
    }
    return findings;
  },
};
