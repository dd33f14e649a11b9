import { readFile } from 'node:fs/promises';
import type { Benchmark } from '../benchmark.js';
import { deployFolder } from '../harness/calls.js';
import { coldCalls, restingReplicas } from '../harness/cold-calls.js';
import type { Finding } from '../harness/finding.js';
import { repositoryPath } from '../harness/paths.js';
import { startDaemon } from '../harness/servers.js';

const starts = 25;

const functions = [
  { name: 'echo', input: 'examples/hello.txt', limitMs: 120 },
  { name: 'digits', input: 'examples/2-small.png', limitMs: 200 },
];

/** How long a call waits that finds a function at rest: a process is started for it, and its Handler built. */
export const coldStart: Benchmark = {
  name: 'cold-start',
  title: `a call to a function with no replica, over an open connection, to its answer; ${starts} times`,
  run: async (scope) => {
    const daemon = await startDaemon(scope);
    const findings: Finding[] = [];
    for (const { name, input, limitMs } of functions) {
      const folder = repositoryPath(`functions/${name}`);
      await deployFolder(scope, daemon, folder, restingReplicas);
      const values = await coldCalls(scope, daemon, { name, input: await readFile(`${folder}/${input}`), starts });
      findings.push({ kind: 'measured', what: name, unit: 'milliseconds', values, limit: { kind: 'under', value: limitMs } });
    }
    return findings;
  },
};
