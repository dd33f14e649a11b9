import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Benchmark } from '../benchmark.js';
import { deployFolder } from '../harness/calls.js';
import { repositoryPath } from '../harness/paths.js';
import { readUsage } from '../harness/proc.js';
import { startDaemon } from '../harness/servers.js';

const functions = ['digits', 'echo', 'image-size', 'json'];
const settleMs = 10_000;
const windowMs = 20_000;
const mebibyte = 2 ** 20;

/** What the daemon takes while nobody calls. Its replicas are the functions' own and not in it. */
export const idle: Benchmark = {
  name: 'idle',
  title: `the daemon's own process with ${functions.length} functions of one replica each and no calls, over ${windowMs / 1000} s`,
  run: async (scope) => {
    const { signal } = scope;
    const daemon = await startDaemon(scope);
    for (const name of functions) await deployFolder(scope, daemon, repositoryPath(`functions/${name}`));
    await sleep(settleMs, undefined, { signal });
    const begun = performance.now();
    const before = await readUsage(daemon.pid);
    await sleep(windowMs, undefined, { signal });
    const after = await readUsage(daemon.pid);
    const seconds = (performance.now() - begun) / 1000;
    const memory = [before, after].map((usage) => usage.residentBytes / mebibyte);
    const share = ((after.cpuSeconds - before.cpuSeconds) / seconds) * 100;
    return [
      { kind: 'measured', what: 'resident memory', unit: 'MiB', values: memory, limit: { kind: 'under', value: 120 } },
      { kind: 'measured', what: 'processor time', unit: '% of a core', values: [share], limit: { kind: 'under', value: 1 } },
    ];
  },
};
