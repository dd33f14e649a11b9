import { setTimeout } from 'node:timers/promises';
import { ControlClient, type DeployProgress } from '@dcf/sdk/control';
import { type FunctionPackage, packFunction } from '@dcf/sdk/package';
import type { Benchmark } from '../benchmark.js';
import type { Side } from '../harness/finding.js';
import { type GeneratedLoad, generateLoad, type Sample } from '../harness/generated-load.js';
import { repositoryPath } from '../harness/paths.js';
import { interleave } from '../harness/rounds.js';
import type { Scope } from '../harness/scope.js';
import { startDaemon } from '../harness/servers.js';
import { percentile } from '../harness/statistics.js';

const load: GeneratedLoad = {
  function: 'echo',
  input: 'x'.repeat(64),
  connections: 4,
  seconds: 12.5,
  arrivals: { kind: 'open', perSecond: 300 },
};

/** 50 of them while the load lasts, deploys and rollbacks in turn. */
const changeEveryMs = 250;

interface Round {
  samples: Sample[];
  changes: number;
  /** Deploys that had to start a process. */
  starts: number;
}

/** What callers notice of it when a function is deployed and rolled back again and again. */
export const deployLoad: Benchmark = {
  name: 'deploy-load',
  title: `64-byte echo, ${load.arrivals.kind === 'open' ? load.arrivals.perSecond : 0} calls a second at a fixed rate, while 50 deploys and rollbacks take turns, against none of them`,
  run: async (scope) => {
    const daemon = await startDaemon(scope);
    const control = new ControlClient(daemon.url);
    scope.defer(async () => control.close());
    // The revision before stays warm, so that two would only change places: each deploy has to start one of two others.
    const packages = await Promise.all([1, 2].map(packEcho));
    for (const each of [...packages, await packEcho(3)]) await control.deploy(each, { signal: scope.signal });
    const { subject, peer } = await interleave(
      () => underDeploys(scope, control, packages, () => generateLoad(scope, daemon, load)),
      async (): Promise<Round> => ({ samples: await generateLoad(scope, daemon, load), changes: 0, starts: 0 }),
    );
    const side = (name: string, rounds: readonly Round[], share: number): Side => ({
      name,
      values: rounds.map(({ samples }) =>
        percentile(
          samples.map(({ latencyMs }) => latencyMs),
          share,
        ),
      ),
    });
    const compared = (share: number) => ({ subject: side('deploys', subject, share), peer: side('quiet', peer, share) });
    const failed = [...subject, ...peer].map(({ samples }) => samples.filter(({ code }) => code !== 'OK').length);
    return [
      { kind: 'compared', what: 'latency, p99', unit: 'milliseconds', ...compared(0.99), limit: { kind: 'at most', value: 1.5 } },
      { kind: 'compared', what: 'latency, p50', unit: 'milliseconds', ...compared(0.5) },
      {
        kind: 'measured',
        what: 'failed calls',
        unit: 'in all rounds',
        values: [failed.reduce((sum, count) => sum + count)],
        limit: { kind: 'at most', value: 0 },
      },
      { kind: 'measured', what: 'deploys and rollbacks', unit: 'a round', values: subject.map(({ changes }) => changes) },
      { kind: 'measured', what: 'deploys that started a process', unit: 'a round', values: subject.map(({ starts }) => starts) },
    ];
  },
};

/** Packages of echo that differ in a parameter, and so are revisions of their own. */
async function packEcho(variant: number): Promise<FunctionPackage> {
  return await packFunction(repositoryPath('functions/echo'), { overrides: [{ path: ['parameters', 'variant'], value: variant }] });
}

/**
 * Deploys the packages in turn, each followed by a rollback, at a fixed rate until the load has ended. A deploy without its
 * rollback would leave the next round two packages that are warm already, and none of its deploys would start anything.
 */
async function underDeploys(
  { signal }: Scope,
  control: ControlClient,
  packages: readonly FunctionPackage[],
  run: () => Promise<Sample[]>,
): Promise<Round> {
  const ended = new AbortController();
  let changes = 0;
  let starts = 0;
  const deploying = (async () => {
    const begun = performance.now();
    const due = async (): Promise<void> => {
      const restMs = begun + changes * changeEveryMs - performance.now();
      if (restMs > 0) await setTimeout(restMs, undefined, { signal: ended.signal }).catch(() => undefined);
    };
    for (let pair = 0; !ended.signal.aborted; pair++) {
      const each = packages[pair % packages.length];
      if (each === undefined) break;
      const onProgress = (progress: DeployProgress): void => {
        if (progress.kind === 'step' && progress.name === 'start' && progress.done) starts += 1;
      };
      await control.deploy(each, { signal, onProgress });
      changes += 1;
      await due();
      await control.rollback('echo', { signal });
      changes += 1;
      await due();
    }
  })();
  try {
    return { samples: await run(), changes, starts };
  } finally {
    ended.abort();
    await deploying;
  }
}
