import type { Benchmark } from '../benchmark.js';
import { compareEcho, echoFinding, startEchoPair } from '../harness/echo-pair.js';

/** What a call costs when many are in flight: the daemon and a replica against one process that does nothing else. */
export const echo: Benchmark = {
  name: 'echo',
  title: '64-byte echo, 64 calls in flight on one connection',
  run: async (scope) => {
    const results = await compareEcho(scope, await startEchoPair(scope), { bytes: 64, calls: 60_000, inFlight: 64 });
    const limit = { kind: 'at least', value: 0.8 } as const;
    return [echoFinding(results, { what: 'throughput', unit: 'calls a second', limit, value: (result) => result.callsPerSecond })];
  },
};
