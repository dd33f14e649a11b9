import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type ManifestInput, parseManifestJson } from '@dcf/sdk/manifest';
import type { DcfError } from '../../src/core/errors.js';
import { nodeInterpreter } from '../../src/core/interpreter.js';
import { defer } from '../../src/core/promises.js';
import { Call, type CallHolder, type CallOwner } from '../../src/pool/calls/call.js';
import type { CallReport, Outcome, Reported } from '../../src/pool/calls/invocation.js';
import type { CallFunction, NestedCall } from '../../src/pool/calls/nested-call.js';
import { callsNeedDaemon } from '../../src/pool/calls/nested-calls.js';
import { FunctionPool } from '../../src/pool/function-pool.js';
import type { LogLine } from '../../src/pool/output/log-line.js';
import { type PoolSecrets, poolOptions } from '../../src/pool/pool-options.js';
import type { ReplicaSpec } from '../../src/pool/replica/replica-spec.js';
import { replicaSpec } from '../../src/pool/replica/replica-spec.js';
import { linkPlatformPackages } from '../../src/process/platform-packages.js';
import { cleanUp, temporaryDirectory } from './cleanup.js';
import { testPython } from './pythons.js';

/** No line that a test waits for takes as long. */
const patienceMs = 60_000;

/** A pool with real replicas of a handler that a test wrote down. */
export interface TestPool {
  pool: FunctionPool;
  folder: string;
  lines: LogLine[];
  /** Resolves with the first line, past or to come, that matches; rejects when none has come in a minute. */
  line: (pattern: RegExp) => Promise<LogLine>;
  call: (
    input?: string | Uint8Array,
    options?: { timeoutMs?: number; requestId?: string; selector?: string; origin?: NestedCall },
  ) => TestCall;
}

export interface TestCall {
  outcome: Promise<Outcome>;
  report: Promise<CallReport>;
  /** The output as text; rejects with the error. */
  text: Promise<string>;
  cancel: () => void;
}

export interface PoolSettings extends Omit<ManifestInput, 'name' | 'recycle' | 'secrets'> {
  killGraceMs?: number;
  revision?: string;
  /** maxMemory in bytes. */
  recycle?: ReplicaSpec['recycle'];
  starter?: ReplicaSpec['starter'];
  secrets?: PoolSecrets;
  /** For a Handler that calls others. */
  callFunction?: CallFunction;
}

/**
 * A handler that counts how often each call began (\`starts\`), and that a call named "hold NAME" keeps busy until the file NAME.go
 * appears in its folder; "spin" never ends, "block MS" blocks its thread. Anything else is answered at once.
 */
export const holding = `
import { appendFileSync, existsSync, watch } from 'node:fs';
import { join } from 'node:path';
const folder = new URL('.', import.meta.url).pathname;
export class Handler {
  call(request) {
    const text = request.text();
    appendFileSync(join(folder, 'starts'), text + '\\n');
    if (text === 'spin') for (;;);
    if (text.startsWith('block ')) for (const until = Date.now() + Number(text.slice(6)); Date.now() < until; );
    if (!text.startsWith('hold ')) return 'done ' + text;
    const gate = join(folder, text.slice(5) + '.go');
    return new Promise((resolve) => {
      const watcher = watch(folder, () => check());
      const check = () => { if (existsSync(gate) || request.signal.aborted) { watcher.close(); resolve('held ' + text.slice(5)); } };
      request.signal.addEventListener('abort', check);
      check();
    });
  }
}`;

/** The calls that a \`holding\` Handler began, in order. */
export async function startsIn(folder: string): Promise<string[]> {
  const text = await readFile(join(folder, 'starts'), 'utf8').catch(() => '');
  return text.split('\n').slice(0, -1);
}

/** Lets a held call go. */
export async function letGo(folder: string, name: string): Promise<void> {
  await writeFile(join(folder, `${name}.go`), '');
}

/** The error of a call that must have failed. */
export function failureOf(outcome: Outcome): DcfError {
  if (outcome.ok) throw new Error('the call succeeded');
  return outcome.error;
}

/** What a call belongs to that is in no pool. */
export const noPool: CallOwner = {
  function: 'tested',
  revision: 'r1',
  timeoutMs: 10_000,
  slots: { function: 'tested', canGainSlots: true, holders: () => [] },
  settled: (outcome) => outcome,
  expire: () => undefined,
  cancel: () => undefined,
};

/** A worker that calls are given to, and that does nothing with them. */
export const someWorker: CallHolder = {
  index: 0,
  replicaId: 1,
  memory: { rss: 0, peak: 0 },
  providers: [],
  cancel: () => undefined,
  callAbandoned: () => undefined,
  condemnFor: () => undefined,
};

/** A call that no worker has. */
export function looseCall(owner: CallOwner, requestId: string, origin?: NestedCall): Call {
  const settle = (): void => undefined;
  const input = Buffer.alloc(0);
  return new Call({ requestId, selector: undefined, input, timeoutMs: 10_000, metadata: undefined, origin, settle }, 10_000, owner);
}

/** Writes the handler and makes its pool, not started yet. Its replicas end with the test. */
export async function createPool(t: TestContext, source: string, settings: PoolSettings = {}): Promise<TestPool> {
  const folder = await temporaryDirectory(t);
  const file = settings.runtime === 'python' ? 'handler.py' : 'handler.mjs';
  await writeFile(join(folder, file), source);
  await linkPlatformPackages(folder);
  const { killGraceMs = 200, recycle, starter, secrets, revision = 'r1', callFunction, ...given } = settings;
  const interpreter = settings.runtime === 'python' ? await testPython() : nodeInterpreter;
  const manifest = parseManifestJson(JSON.stringify({ name: 'tested', handler: file, ...given }));
  const placement = { revision, directory: folder, resources: {}, providers: ['cpu'], interpreter };
  const spec = replicaSpec(manifest, starter === undefined ? placement : { ...placement, starter });
  const lines: LogLine[] = [];
  const waiting = new Set<(line: LogLine) => void>();
  const pool = new FunctionPool(
    poolOptions(manifest, {
      spec: recycle === undefined ? spec : { ...spec, recycle },
      killGraceMs,
      secrets,
      counters: { calls: 0, errors: 0 },
      callFunction: callFunction ?? callsNeedDaemon,
      onLog: (_replica, line) => {
        lines.push(line);
        for (const check of waiting) check(line);
      },
      onChange: () => undefined,
    }),
  );
  cleanUp(t, () => pool.stop(0));
  let lastId = 0;
  return {
    pool,
    folder,
    lines,
    line: (pattern) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`no line came within ${patienceMs} ms that matches ${pattern}`)),
          patienceMs,
        ).unref();
        const check = (line: LogLine): void => {
          if (!pattern.test(line.text)) return;
          waiting.delete(check);
          clearTimeout(timer);
          resolve(line);
        };
        waiting.add(check);
        for (const line of lines) check(line);
      }),
    call: (input = '', options = {}) => {
      lastId += 1;
      let cancel: () => void = () => undefined;
      const reported = defer<CallReport>();
      const outcome = new Promise<Outcome>((resolve) => {
        const settle = (ended: Outcome, source: Reported): void => {
          reported.resolve(source.report());
          resolve(ended);
        };
        cancel = pool.invoke({
          requestId: options.requestId ?? `call-${lastId}`,
          selector: options.selector,
          input: Buffer.from(input),
          timeoutMs: options.timeoutMs ?? Number.POSITIVE_INFINITY,
          metadata: undefined,
          origin: options.origin,
          settle,
        });
      });
      const text = outcome.then((ended) => {
        if (!ended.ok) throw ended.error;
        return Buffer.from(ended.output).toString('utf8');
      });
      text.catch(() => undefined);
      return { outcome, report: reported.promise, text, cancel };
    },
  };
}

/** Makes a pool, started and ready. */
export async function startPool(t: TestContext, source: string, settings: PoolSettings = {}): Promise<TestPool> {
  const tested = await createPool(t, source, settings);
  await tested.pool.start();
  return tested;
}
