import { randomBytes } from 'node:crypto';
import type { Benchmark } from '../benchmark.js';
import { deployFolder, verifyEcho } from '../harness/calls.js';
import { type LoadResult, prepareLoad, requireH2load, runLoad } from '../harness/h2load.js';
import { repositoryPath } from '../harness/paths.js';
import { interleave } from '../harness/rounds.js';
import { startDaemon } from '../harness/servers.js';

const amount = { calls: 5000, inFlight: 1 };

/** What it costs that a Handler calls another function. */
export const nested: Benchmark = {
  name: 'nested',
  title: '64-byte echo through a function that calls echo, one call at a time on one connection, against echo itself',
  run: async (scope) => {
    await requireH2load(scope.signal);
    const daemon = await startDaemon(scope);
    for (const folder of ['functions/echo', 'bench/functions/relay']) await deployFolder(scope, daemon, repositoryPath(folder));
    const input = randomBytes(64);
    for (const name of ['echo', 'relay']) await verifyEcho(scope, daemon, name, input);
    const through = await prepareLoad(scope, { function: 'relay', input, output: input }, amount);
    const direct = await prepareLoad(scope, { function: 'echo', input, output: input }, amount);
    const { subject, peer } = await interleave(
      () => runLoad(scope, daemon, through),
      () => runLoad(scope, daemon, direct),
    );
    const latencies = (results: readonly LoadResult[]): number[] => results.map((result) => result.latencyMs);
    return [
      {
        kind: 'compared',
        what: 'median latency',
        unit: 'milliseconds',
        subject: { name: 'echo through relay', values: latencies(subject) },
        peer: { name: 'echo', values: latencies(peer) },
        limit: { kind: 'at most', value: 1.8 },
      },
    ];
  },
};
