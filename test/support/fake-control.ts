import type { TestContext } from 'node:test';
import type { ManifestInput } from '@dcf/sdk/manifest';
import { Activator } from '../../src/control/changes/activator.js';
import { type DeployEvent, Deployer, type DeployRequest } from '../../src/control/changes/deployer.js';
import { KeyedMutex } from '../../src/control/changes/keyed-mutex.js';
import type { ChangeEvent, Progress } from '../../src/control/changes/progress.js';
import { Releaser } from '../../src/control/changes/releaser.js';
import { type Rollout, wholeRollout } from '../../src/control/changes/rollout.js';
import { LiveFunctions } from '../../src/control/live/functions.js';
import type { RevisionLauncher } from '../../src/control/live/launcher.js';
import { messageOf } from '../../src/core/errors.js';
import type { FunctionName, RevisionId } from '../../src/core/names.js';
import { callsNeedDaemon } from '../../src/pool/calls/nested-calls.js';
import type { FunctionPool } from '../../src/pool/function-pool.js';
import type { LogLine } from '../../src/pool/output/log-line.js';
import type { CallCounters } from '../../src/pool/pool-options.js';
import { type ReplicaSpec, replicaSpec } from '../../src/pool/replica/replica-spec.js';
import type { Scale } from '../../src/registry/model/release.js';
import type { Revision } from '../../src/registry/model/revision.js';
import { Registry } from '../../src/registry/registry.js';
import { temporaryDirectory } from './cleanup.js';
import { callPool, type FakeFunctionPool, makeFakePool, type PooledReplica } from './fake-function-pool.js';
import { functionName, packageOf } from './registry.js';

/** Makes revisions ready to run, and pools whose replicas are no processes. Each replica is ready as soon as it is started. */
export class FakeLauncher implements RevisionLauncher {
  /** The pools that were made, in order. */
  readonly pools: (FakeFunctionPool & { readonly revision: RevisionId })[] = [];
  /** What preparing a revision does besides laying it out. */
  onPrepare: (revision: Revision, signal: AbortSignal) => Promise<void> | void = () => undefined;
  /** What a replica does when it is started. */
  onStart: (replica: PooledReplica, revision: Revision) => void = (replica) => replica.becomeReady();

  constructor(private readonly registry: Registry) {}

  async prepare(revision: Revision, onOutput: (line: string) => void, signal: AbortSignal): Promise<ReplicaSpec> {
    onOutput(`installs ${revision.id}`);
    await this.onPrepare(revision, signal);
    await this.registry.materialize(revision);
    const { id, directory, manifest } = revision;
    return replicaSpec(manifest, { revision: id, directory, resources: {}, providers: ['cpu'] });
  }

  createPool(
    revision: Revision,
    spec: ReplicaSpec,
    counters: CallCounters,
    scale: Scale | undefined,
    onLine: (line: LogLine) => void = () => undefined,
  ): FunctionPool {
    const onLog = (_replica: number, line: LogLine): void => onLine(line);
    const host = { spec, killGraceMs: 200, counters, callFunction: callsNeedDaemon, onLog, onChange: () => undefined };
    const made = makeFakePool(revision.manifest, host, (replica) => this.onStart(replica, revision), scale);
    this.pools.push({ ...made, revision: revision.id });
    return made.pool;
  }

  /** The pool of a revision that was made last. */
  poolOf(revision: string): FakeFunctionPool {
    const found = this.pools.findLast((one) => one.revision === revision);
    if (found === undefined) throw new Error(`${revision} never had a pool`);
    return found;
  }
}

/** What a change told, and how to give it up. */
export function watchedProgress(): Progress & { readonly events: ChangeEvent[]; readonly abort: () => void } {
  const events: ChangeEvent[] = [];
  const controller = new AbortController();
  return { events, emit: (event) => void events.push(event), signal: controller.signal, abort: () => controller.abort() };
}

/** The steps that were done, in order. */
export function stepsIn(events: readonly DeployEvent[]): string[] {
  return events.flatMap((event) => (event.kind === 'step' && event.done ? [event.name] : []));
}

/** The lines of installers and Handlers that were told, in order. */
export function outputIn(events: readonly DeployEvent[]): string[] {
  return events.flatMap((event) => (event.kind === 'output' ? [event.line] : []));
}

/** The warnings that were told, in order. */
export function warningsIn(events: readonly DeployEvent[]): string[] {
  return events.flatMap((event) => (event.kind === 'warning' ? [event.text] : []));
}

/** The stacks of Handlers that were told, in order. */
export function stacksIn(events: readonly DeployEvent[]): string[] {
  return events.flatMap((event) => (event.kind === 'stack' ? [event.stack] : []));
}

export interface FakeControlOptions {
  keepWarmMs?: number;
  drainGraceMs?: number;
  maxPayload?: number;
}

/** All of control on a data directory of its own, with pools whose replicas are no processes. */
export async function fakeControl(t: TestContext, options: FakeControlOptions = {}) {
  const { keepWarmMs = 0, drainGraceMs = 1_000, maxPayload = 1_000_000 } = options;
  const registry = await Registry.open(await temporaryDirectory(t), { takeLock: () => ({ release: () => undefined }) });
  const problems: string[] = [];
  const overs: string[] = [];
  const failures: string[] = [];
  const logs = new Set<FunctionName>();
  let sweeps = 0;
  const launcher = new FakeLauncher(registry);
  const onProblem = (name: FunctionName, revision: RevisionId, error: unknown): void =>
    void problems.push(`${name}@${revision}: ${messageOf(error)}`);
  const none = { revisions: {}, others: { calls: 0, errors: 0 } };
  const functions = new LiveFunctions({
    launcher,
    counts: { read: () => Promise.resolve(none) },
    drainGraceMs,
    keepWarmMs,
    onProblem,
    onChange: () => undefined,
    onCanaryOver: (name, revision) => void overs.push(`${name}@${revision}`),
  });
  const parts = { registry, functions, changes: new KeyedMutex() };
  const activator = new Activator({ ...parts, launcher, drainGraceMs, onProblem });
  const releaser = new Releaser({ ...parts, activator });
  const deployer = new Deployer({
    ...parts,
    activator,
    maxPayload,
    logs: {
      appendFailure: (name, revision, error) => {
        logs.add(name);
        failures.push(`${name}@${revision}: ${messageOf(error)}`);
      },
      delete: (name) => Promise.resolve(logs.delete(name)),
      sweep: () => {
        sweeps += 1;
        return Promise.resolve();
      },
    },
  });
  t.after(async () => {
    // A clock that stands still would have it wait for ever.
    t.mock.timers.reset();
    await functions.stop(0);
    await registry.close();
  });
  const name = functionName('digits');

  /** Begins to deploy a package of these files; what `changes` says takes the place of what a client would send. */
  const begin = (
    given: Partial<ManifestInput> = {},
    files: Readonly<Record<string, string>> = {},
    changes: Partial<DeployRequest> = {},
  ) => {
    const sample = packageOf({ name, ...given }, files);
    const events: DeployEvent[] = [];
    const controller = new AbortController();
    async function* chunks() {
      const missing = events.flatMap((event) => (event.kind === 'missing' ? event.digests : []));
      for (const sha256 of missing) yield { sha256, data: sample.contents.get(sha256) ?? Buffer.alloc(0) };
    }
    const { signal } = controller;
    const { files: listed } = sample;
    const manifest = JSON.stringify(sample.manifest.given);
    const request = { manifest, files: listed, rollout: wholeRollout, chunks: chunks(), signal, ...changes };
    const emit = (event: DeployEvent): void => {
      events.push(event);
      changes.emit?.(event);
    };
    return { events, abort: () => controller.abort(), result: deployer.deploy({ ...request, emit }) };
  };
  /** Deploys a package with this text in it, so that it is another revision than others. Returns the revision. */
  const deploy = async (text: string, given: Partial<ManifestInput> = {}, rollout: Partial<Rollout> = {}): Promise<string> => {
    const { result } = begin(given, { text }, { rollout: { ...wholeRollout, ...rollout } });
    return (await result).revision;
  };
  /** Calls the function, where a call goes now. */
  const call = (id: string, selector?: string) => {
    const { pool } = functions.router.resolve(name, selector);
    return callPool(pool, id, selector === undefined ? {} : { selector });
  };
  /** Which revision a call that names none goes to now. */
  const target = (selector?: string): string => functions.router.resolve(name, selector).pool.revision;

  return {
    name,
    registry,
    functions,
    launcher,
    activator,
    releaser,
    deployer,
    logs,
    problems,
    overs,
    failures,
    begin,
    deploy,
    call,
    target,
    sweeps: () => sweeps,
  };
}
