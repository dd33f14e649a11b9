import { readFile } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import type { Benchmark } from '../benchmark.js';
import { callOnce } from '../harness/calls.js';
import { repositoryPath } from '../harness/paths.js';
import { repeat } from '../harness/rounds.js';
import { type Scope, withScope } from '../harness/scope.js';
import { runCommand, startDaemon } from '../harness/servers.js';

interface Times {
  readyMs: number;
  /** From the start of `dcf deploy` to the first answer. */
  answeredMs: number;
}

/** How long somebody waits who starts from nothing. */
export const start: Benchmark = {
  name: 'start',
  title: 'the daemon, from its start to ready; a function, from the start of "dcf deploy" to its first answer',
  run: async ({ signal }) => {
    const picture = await readFile(repositoryPath('functions/digits/examples/8-felt-pen.jpg'));
    const times = await repeat(() => withScope(signal, (scope) => startOnce(scope, picture)));
    const seconds = { kind: 'measured', unit: 'milliseconds' } as const;
    const ready = times.map((time) => time.readyMs);
    const answered = times.map((time) => time.answeredMs);
    return [
      { ...seconds, what: 'the daemon, nothing deployed', values: ready, limit: { kind: 'under', value: 1000 } },
      { ...seconds, what: 'functions/digits, its model loaded', values: answered, limit: { kind: 'under', value: 2000 } },
    ];
  },
};

async function startOnce(scope: Scope, picture: Uint8Array): Promise<Times> {
  const daemon = await startDaemon(scope);
  const begun = performance.now();
  await runCommand(scope, ['deploy', repositoryPath('functions/digits')], daemon);
  await callOnce(scope, daemon, 'digits', picture);
  return { readyMs: daemon.readyMs, answeredMs: performance.now() - begun };
}
