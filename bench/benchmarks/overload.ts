import type { Benchmark } from '../benchmark.js';
import { deployFolder } from '../harness/calls.js';
import type { Side } from '../harness/finding.js';
import { generateLoad, goodput, requireCodes, type Sample } from '../harness/generated-load.js';
import { repositoryPath } from '../harness/paths.js';
import { repeat } from '../harness/rounds.js';
import type { Scope } from '../harness/scope.js';
import { type Server, startDaemon } from '../harness/servers.js';
import { median } from '../harness/statistics.js';

/** About 5 ms. */
const rounds = 4_000_000;
const queue = 64;
const tooMuch = 5;
const load = { function: 'work', input: '', connections: 4, seconds: 4 };

interface Round {
  peak: number;
  samples: Sample[];
}

/** What is left of the throughput when far more is asked for, and how soon those are told who come in vain. */
export const overload: Benchmark = {
  name: 'overload',
  title: `calls of about 5 ms, one worker, a queue of ${queue}: ${tooMuch} times as many as it can take, at a fixed rate, against as many as it can take`,
  run: async (scope) => {
    const daemon = await startDaemon(scope);
    await deployFolder(scope, daemon, repositoryPath('bench/functions/work'), [
      { path: ['parameters', 'rounds'], value: rounds },
      { path: ['queue', 'maxSize'], value: queue },
    ]);
    const results = await repeat(() => runOnce(scope, daemon));
    const latencies = (code: string) => results.map(({ samples }) => median(latenciesOf(samples, code)));
    const side = (name: string, values: number[]): Side => ({ name, values });
    const milliseconds = { kind: 'measured', unit: 'milliseconds' } as const;
    return [
      {
        kind: 'compared',
        what: 'answers',
        unit: 'calls a second',
        subject: side(
          'overload',
          results.map(({ samples }) => goodput(samples, load.seconds)),
        ),
        peer: side(
          'peak',
          results.map(({ peak }) => peak),
        ),
        limit: { kind: 'at least', value: 0.9 },
      },
      {
        ...milliseconds,
        what: 'median latency of the refusals',
        values: latencies('RESOURCE_EXHAUSTED'),
        limit: { kind: 'under', value: 10 },
      },
      { ...milliseconds, what: 'median latency of the answers', values: latencies('OK') },
      {
        ...milliseconds,
        what: 'median delay in the load generator',
        values: results.map(({ samples }) => median(samples.map(({ lateMs }) => lateMs))),
      },
    ];
  },
};

async function runOnce(scope: Scope, daemon: Server): Promise<Round> {
  const calm = await generateLoad(scope, daemon, { ...load, arrivals: { kind: 'closed', inFlight: 16 } });
  requireCodes(calm, ['OK']);
  const peak = goodput(calm, load.seconds);
  const samples = await generateLoad(scope, daemon, { ...load, arrivals: { kind: 'open', perSecond: Math.round(tooMuch * peak) } });
  requireCodes(samples, ['OK', 'RESOURCE_EXHAUSTED']);
  return { peak, samples };
}

function latenciesOf(samples: readonly Sample[], wanted: string): number[] {
  return samples.filter(({ code }) => code === wanted).map(({ latencyMs }) => latencyMs);
}
