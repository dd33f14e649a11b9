import type { Benchmark } from '../benchmark.js';
import { compareEcho, echoFinding, startEchoPair } from '../harness/echo-pair.js';

/** What a lone call waits for the hop to the replica and back. */
export const latency: Benchmark = {
  name: 'latency',
  title: '64-byte echo, one call at a time on one connection',
  run: async (scope) => {
    const results = await compareEcho(scope, await startEchoPair(scope), { bytes: 64, calls: 5000, inFlight: 1 });
    const limit = { kind: 'at most', value: 1.9 } as const;
    return [echoFinding(results, { what: 'median latency', unit: 'milliseconds', limit, value: (result) => result.latencyMs })];
  },
};
