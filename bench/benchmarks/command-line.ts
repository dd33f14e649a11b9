import { performance } from 'node:perf_hooks';
import type { Benchmark } from '../benchmark.js';
import type { Finding } from '../harness/finding.js';
import { repositoryPath } from '../harness/paths.js';
import { runProcess } from '../harness/processes.js';
import { interleave } from '../harness/rounds.js';
import type { Scope } from '../harness/scope.js';
import { runCommand, type Server, startDaemon } from '../harness/servers.js';
import { median } from '../harness/statistics.js';

/** How often each is run in a round. */
const runs = 4;

const commands = [
  { argv: ['--version'], limitMs: 80, ratio: 2 },
  { argv: ['list'], limitMs: 200, ratio: 4 },
  { argv: ['invoke', 'echo', '--data', 'Ada'], limitMs: 200, ratio: 4 },
] as const;

/** How long somebody waits at a prompt for a command that does next to nothing, and how much of that is Node's own start. */
export const commandLine: Benchmark = {
  name: 'command-line',
  title: 'a command, from its start to its end; the peer is Node with an empty program',
  run: async (scope) => {
    const daemon = await startDaemon(scope);
    await runCommand(scope, ['deploy', repositoryPath('functions/echo')], daemon);
    const findings: Finding[] = [];
    for (const command of commands) findings.push(...(await measure(scope, daemon, command)));
    return findings;
  },
};

async function measure(scope: Scope, daemon: Server, { argv, limitMs, ratio }: (typeof commands)[number]): Promise<Finding[]> {
  const { subject, peer } = await interleave(
    () => medianTime(() => runCommand(scope, argv, daemon)),
    () => medianTime(() => runProcess(scope, 'an empty program', ['--eval', ''], {})),
  );
  const what = `dcf ${argv.join(' ')}`;
  const unit = 'milliseconds';
  return [
    { kind: 'measured', what, unit, values: subject, limit: { kind: 'under', value: limitMs } },
    {
      kind: 'compared',
      what,
      unit,
      subject: { name: 'dcf', values: subject },
      peer: { name: 'node', values: peer },
      limit: { kind: 'at most', value: ratio },
    },
  ];
}

async function medianTime(run: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let count = 0; count < runs; count++) {
    const begun = performance.now();
    await run();
    times.push(performance.now() - begun);
  }
  return median(times);
}
