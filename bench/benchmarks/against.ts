import type { Benchmark } from '../benchmark.js';
import { compareEcho, echoFinding, startCheckoutPair } from '../harness/echo-pair.js';

const mebibyte = 2 ** 20;

/**
 * What a change costs a call: the daemon of this checkout against that of another, round by round in turn.
 * @param checkout the folder of the other checkout, which is built
 */
export function against(checkout: string): Benchmark {
  return {
    name: 'against',
    title: `echo, against the daemon of ${checkout}`,
    run: async (scope) => {
      const pair = await startCheckoutPair(scope, checkout);
      const many = await compareEcho(scope, pair, { bytes: 64, calls: 60_000, inFlight: 64 });
      const lone = await compareEcho(scope, pair, { bytes: 64, calls: 5000, inFlight: 1 });
      const large = await compareEcho(scope, pair, { bytes: mebibyte, calls: 300, inFlight: 4 });
      const atLeast = { kind: 'at least', value: 0.97 } as const;
      return [
        echoFinding(many, {
          what: '64 bytes, 64 in flight',
          unit: 'calls a second',
          limit: atLeast,
          value: (result) => result.callsPerSecond,
        }),
        echoFinding(lone, {
          what: '64 bytes, 1 in flight: median latency',
          unit: 'milliseconds',
          limit: { kind: 'at most', value: 1.03 },
          value: (result) => result.latencyMs,
        }),
        echoFinding(large, { what: '1 MiB, 4 in flight', unit: 'MiB a second', limit: atLeast, value: (result) => result.callsPerSecond }),
      ];
    },
  };
}
