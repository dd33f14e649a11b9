import type { Benchmark } from '../benchmark.js';
import { callOnce, deployFolder } from '../harness/calls.js';
import { type LoadResult, prepareLoad, requireH2load, runLoad } from '../harness/h2load.js';
import { repositoryPath } from '../harness/paths.js';
import { interleave } from '../harness/rounds.js';
import { startDaemon, withoutAhead } from '../harness/servers.js';

/** About 50 µs: as long as the way to the worker and back, so that waiting for the next call costs as much as the call. */
const rounds = 30_000;
const load = { calls: 20_000, inFlight: 32 };

/** What it is worth to send a worker its next call while it is busy with one. */
export const ahead: Benchmark = {
  name: 'ahead',
  title: `calls of about 50 µs, one at a time in one worker, ${load.inFlight} in flight: the next one sent ahead, against sent when the worker is free`,
  run: async (scope) => {
    await requireH2load(scope.signal);
    const daemons = { on: await startDaemon(scope), off: await startDaemon(scope, { program: withoutAhead }) };
    const input = Buffer.alloc(0);
    for (const daemon of [daemons.on, daemons.off]) {
      await deployFolder(scope, daemon, repositoryPath('bench/functions/work'), [{ path: ['parameters', 'rounds'], value: rounds }]);
    }
    const output = await callOnce(scope, daemons.on, 'work', input);
    const prepared = await prepareLoad(scope, { function: 'work', input, output }, load);
    const { subject, peer } = await interleave(
      () => runLoad(scope, daemons.on, prepared),
      () => runLoad(scope, daemons.off, prepared),
    );
    const rates = (results: readonly LoadResult[]): number[] => results.map((result) => result.callsPerSecond);
    return [
      {
        kind: 'compared',
        what: 'throughput',
        unit: 'calls a second',
        subject: { name: 'sent ahead', values: rates(subject) },
        peer: { name: 'when free', values: rates(peer) },
        limit: { kind: 'at least', value: 1 },
      },
    ];
  },
};
