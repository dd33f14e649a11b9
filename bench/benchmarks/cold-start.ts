import { readFile } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@dcf/sdk';
import { ControlClient } from '@dcf/sdk/control';
import type { Benchmark } from '../benchmark.js';
import { deployFolder } from '../harness/calls.js';
import type { Finding } from '../harness/finding.js';
import { repositoryPath } from '../harness/paths.js';
import type { Scope } from '../harness/scope.js';
import { type Server, startDaemon } from '../harness/servers.js';

const starts = 25;
const lookAgainMs = 25;

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
      await deployFolder(scope, daemon, folder, [{ path: ['replicas'], value: { min: 0, max: 1, idleTimeout: '1ms' } }]);
      const values = await coldCalls(scope, daemon, name, await readFile(`${folder}/${input}`));
      findings.push({ kind: 'measured', what: name, unit: 'milliseconds', values, limit: { kind: 'under', value: limitMs } });
    }
    return findings;
  },
};

async function coldCalls(scope: Scope, { url }: Server, name: string, input: Uint8Array): Promise<number[]> {
  const client = new Client(url);
  const control = new ControlClient(url);
  try {
    await client.invoke(name, input, { signal: scope.signal });
    const values: number[] = [];
    while (values.length < starts) {
      await untilAtRest(scope, control, name);
      const begun = performance.now();
      await client.invoke(name, input, { signal: scope.signal });
      values.push(performance.now() - begun);
    }
    return values;
  } finally {
    client.close();
    control.close();
  }
}

/** Until no process of it is left. */
async function untilAtRest({ signal }: Scope, control: ControlClient, name: string): Promise<void> {
  for (;;) {
    const { summary, replicas } = await control.describe(name, { signal });
    if (summary?.state === 'idle' && replicas.length === 0) return;
    await sleep(lookAgainMs, undefined, { signal });
  }
}
