import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Manifest } from '@dcf/sdk/manifest';
import { errorOfHttpStatus } from '../core/http-status.js';
import { type Interpreter, nodeInterpreter } from '../core/interpreter.js';
import type { Outcome } from './calls/invocation.js';
import { callsNeedDaemon } from './calls/nested-calls.js';
import { FunctionPool } from './function-pool.js';
import type { LogLine } from './output/log-line.js';
import { type PoolHost, poolOptions } from './pool-options.js';
import { replicaSpec } from './replica/replica-spec.js';

export interface LocalOptions {
  manifest: Manifest;
  /** Folder with the package's files (the bundled handler, the resources), laid out like a revision's folder. */
  directory: string;
  /** Absolute paths of the resources, by name. */
  resources: Readonly<Record<string, string>>;
  /** Execution providers that the replica may use, best first. They have been probed. */
  providers: readonly string[];
  /** What runs the function. @default this program's Node */
  interpreter?: Interpreter;
  /** Absolute paths of files and folders that a sandbox can read besides the revision's. @default none */
  readOnly?: readonly string[];
  onLog: (entry: LogLine) => void;
}

export interface LocalResult {
  output: Uint8Array;
  /** Milliseconds from the call to its answer. */
  runMs: number;
}

export interface LocalFunction {
  /** Milliseconds that the Handler took to be built. */
  initMs: number;
  /** The execution providers that its sessions really use. */
  providers: readonly string[];
  /** Calls the Handler. Rejects with the DcfError that a call through a daemon would end with. */
  call(input: Uint8Array): Promise<LocalResult>;
  close(): Promise<void>;
}

const graceMs = 5_000;

/**
 * Runs a function in one replica without a daemon, with the pool and the runtime that a daemon uses.
 *
 * @throws DcfError FAILED_PRECONDITION with the Handler's own stack as `cause`, as a deploy does
 */
export async function startLocal(options: LocalOptions): Promise<LocalFunction> {
  const { manifest, directory, resources, providers, interpreter = nodeInterpreter, readOnly = [] } = options;
  const host: PoolHost = {
    spec: replicaSpec(manifest, { revision: 'local', directory, resources, providers, interpreter, readOnly }),
    killGraceMs: 1_000,
    counters: { calls: 0, errors: 0 },
    callFunction: callsNeedDaemon,
    onLog: (_replica, line) => options.onLog(line),
    onChange: () => undefined,
  };
  // A developer's machine may have no room for two replicas.
  const pool = new FunctionPool({ ...poolOptions(manifest, host, { min: 1, max: 1 }), overlap: false });
  try {
    await pool.start();
  } catch (error) {
    await pool.stop(0);
    throw error;
  }
  const worker = pool.snapshot().replicas[0]?.workers[0];
  return {
    initMs: worker?.initMs ?? 0,
    providers: worker?.providers ?? [],
    call: (input) => call(pool, input),
    close: () => pool.stop(graceMs),
  };
}

async function call(pool: FunctionPool, input: Uint8Array): Promise<LocalResult> {
  const started = performance.now();
  const outcome = await new Promise<Outcome>((settle) => {
    pool.invoke({ requestId: randomUUID(), input, selector: undefined, timeoutMs: Number.POSITIVE_INFINITY, metadata: undefined, settle });
  });
  if (!outcome.ok) throw outcome.error;
  const { head } = outcome;
  if (head !== undefined && head.status >= 400) throw errorOfHttpStatus(head.status, head.headers, outcome.output);
  return { output: outcome.output, runMs: performance.now() - started };
}
