import { randomBytes } from 'node:crypto';
import type { Benchmark } from '../benchmark.js';
import { deployFolder, verifyEcho } from '../harness/calls.js';
import { coldCalls, restingReplicas } from '../harness/cold-calls.js';
import type { Finding } from '../harness/finding.js';
import { prepareLoad, requireH2load, runLoad } from '../harness/h2load.js';
import { repositoryPath } from '../harness/paths.js';
import { interleave } from '../harness/rounds.js';
import type { Scope } from '../harness/scope.js';
import { startDaemon } from '../harness/servers.js';

const amount = { calls: 20_000, inFlight: 64 };
const starts = 25;

/** Two functions that do the same, called the same way. */
const pairs = [
  { what: 'one call at a time in the Handler', python: 'echo-python', concurrency: 1 },
  { what: '64 calls at a time in the Handler', python: 'echo-async', concurrency: 64 },
];

/** What a Python function costs beside a TypeScript function, on the same daemon. */
export const python: Benchmark = {
  name: 'python',
  title: `the Python runtime: 64-byte echo, 64 calls in flight on one connection, against functions/echo; its first answer, ${starts} times`,
  run: async (scope) => {
    await requireH2load(scope.signal);
    const findings: Finding[] = [];
    for (const pair of pairs) findings.push(await compareRuntimes(scope, pair));
    return [...findings, await firstAnswers(scope)];
  },
};

async function compareRuntimes(scope: Scope, { what, python: ours, concurrency }: (typeof pairs)[number]): Promise<Finding> {
  const daemon = await startDaemon(scope);
  const input = randomBytes(64);
  const prepare = async (name: string, folder: string) => {
    await deployFolder(scope, daemon, repositoryPath(folder), [{ path: ['concurrency'], value: concurrency }]);
    await verifyEcho(scope, daemon, name, input);
    const load = await prepareLoad(scope, { function: name, input, output: input }, amount);
    return () => runLoad(scope, daemon, load);
  };
  const { subject, peer } = await interleave(await prepare(ours, `bench/functions/${ours}`), await prepare('echo', 'functions/echo'));
  const side = (name: string, results: typeof subject) => ({ name, values: results.map(({ callsPerSecond }) => callsPerSecond) });
  return {
    kind: 'compared',
    what,
    unit: 'calls a second',
    subject: side('Python', subject),
    peer: side('TypeScript', peer),
    limit: { kind: 'at least', value: 0.75 },
  };
}

async function firstAnswers(scope: Scope): Promise<Finding> {
  const daemon = await startDaemon(scope);
  await deployFolder(scope, daemon, repositoryPath('bench/functions/echo-python'), restingReplicas);
  const values = await coldCalls(scope, daemon, { name: 'echo-python', input: Buffer.from('first'), starts });
  return { kind: 'measured', what: 'first answer from zero replicas', unit: 'milliseconds', values, limit: { kind: 'under', value: 100 } };
}
