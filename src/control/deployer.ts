import type { PackageFile } from '@dcf/sdk/contract';
import { type ParsedManifest, parseManifestJson } from '@dcf/sdk/manifest';
import { DcfError, messageOf, stackOf } from '../core/errors.js';
import { type FunctionName, functionNameProblem, isFunctionName } from '../core/names.js';
import { formatDuration, formatSize } from '../core/units.js';
import type { FunctionPool } from '../pool/function-pool.js';
import type { Registry } from '../registry/registry.js';
import { type Revision, sizeOf } from '../registry/revision.js';
import type { LiveFunctions } from './functions.js';
import type { Launcher } from './launcher.js';
import { notInForce } from './not-in-force.js';
import { SecretPool } from './secret-pool.js';
import { type Chunk, receiveBlobs } from './upload.js';

/** What a deploy tells while it goes on. */
export type DeployEvent =
  | { kind: 'missing'; digests: readonly string[]; bytes: number }
  | { kind: 'step'; name: DeployStep; done: boolean; detail: string }
  | { kind: 'output'; line: string }
  | { kind: 'warning'; text: string }
  /** The Handler's own stack; the deploy then fails. */
  | { kind: 'stack'; stack: string };

export type DeployStep = 'receive' | 'prepare' | 'start' | 'switch';

/** A package as a client sends it: what it is made of first, then the blobs that are missing. */
export interface DeployRequest {
  /** The manifest as the user gave it, as JSON. */
  manifest: string;
  files: readonly PackageFile[];
  chunks: AsyncIterable<Chunk>;
  emit: (event: DeployEvent) => void;
  /** Aborts when the client is gone: until the switch that ends the deploy, and nothing has changed. */
  signal: AbortSignal;
}

export interface DeployResult {
  function: FunctionName;
  revision: string;
  /** false: this very package was active and ready already. */
  changed: boolean;
}

export interface DeployerOptions {
  registry: Registry;
  functions: LiveFunctions;
  launcher: Launcher;
  /** Bytes of one input that the daemon takes at all. */
  maxPayload: number;
  /** Removes what others keep of a function. */
  onDeleted: (name: FunctionName) => Promise<void>;
}

/** Receives a package, starts it, and only when it is ready switches the calls over. Any failure before leaves all as it was. */
export class Deployer {
  private readonly busy = new Set<FunctionName>();

  constructor(private readonly options: DeployerOptions) {}

  /** @throws DcfError INVALID_ARGUMENT, FAILED_PRECONDITION, ABORTED, RESOURCE_EXHAUSTED; the revision before serves on */
  deploy(request: DeployRequest): Promise<DeployResult> {
    const manifest = parseManifestJson(request.manifest);
    const { name, limits } = manifest.manifest;
    if (!isFunctionName(name)) throw new DcfError('INVALID_ARGUMENT', functionNameProblem(name));
    if (limits.payload > this.options.maxPayload) {
      const message = `limits.payload is ${limits.payload} bytes, but this daemon takes no input over ${this.options.maxPayload}; start it with a larger --max-payload`;
      throw new DcfError('FAILED_PRECONDITION', message);
    }
    return this.exclusively(name, async () => {
      const { refused, warnings } = notInForce(manifest);
      if (refused !== undefined) throw refused;
      const revision = await this.receive(request, manifest);
      for (const text of warnings) request.emit({ kind: 'warning', text });
      return this.activate(request, revision);
    });
  }

  /** @throws DcfError NOT_FOUND, ABORTED */
  delete(name: FunctionName): Promise<void> {
    return this.exclusively(name, async () => {
      const { registry, functions } = this.options;
      await registry.delete(name, () => functions.remove(name));
      await this.options.onDeleted(name);
    });
  }

  /** Leaves nothing of a deploy that failed, not even its log when it would have been the function's first. */
  private async discard(revision: Revision): Promise<void> {
    const { registry, onDeleted } = this.options;
    const { name } = revision;
    await registry.discard(revision);
    if (registry.get(name) === undefined && !registry.damaged.some((damaged) => damaged.name === name)) await onDeleted(name);
  }

  private async receive(request: DeployRequest, manifest: ParsedManifest): Promise<Revision> {
    const { registry } = this.options;
    request.emit({ kind: 'step', name: 'receive', done: false, detail: '' });
    const { revision, missing } = await registry.createRevision({ manifest, files: request.files });
    const bytes = sizeOf(missing);
    request.emit({ kind: 'missing', digests: missing.map((file) => file.sha256), bytes });
    try {
      await receiveBlobs(registry.blobs, new Map(missing.map((file) => [file.sha256, file.size])), request.chunks);
      request.signal.throwIfAborted();
    } catch (error) {
      await this.discard(revision);
      throw error;
    }
    request.emit({
      kind: 'step',
      name: 'receive',
      done: true,
      detail: `${missing.length} of ${revision.files.length} files, ${formatSize(bytes)}`,
    });
    return revision;
  }

  private async activate(request: DeployRequest, revision: Revision): Promise<DeployResult> {
    const { registry, functions, launcher } = this.options;
    const { name, id } = revision;
    const live = functions.find(name);
    if (live?.revision.id === id && live.running.kind === 'pool' && servesAsAsked(live.running.pool)) {
      return { function: name, revision: id, changed: false };
    }
    try {
      const spec = await this.step(request, 'prepare', () =>
        launcher.prepare(revision, (line) => request.emit({ kind: 'output', line }), request.signal),
      );
      const counters = live?.counters ?? { calls: 0, errors: 0 };
      const pool = launcher.createPool(revision, spec, counters);
      try {
        await this.step(
          request,
          'start',
          () => startUnlessAborted(pool, request.signal),
          () => describeStart(pool),
        );
        await this.step(request, 'switch', () => registry.activate(name, id));
      } catch (error) {
        await pool.stop(0);
        throw error;
      }
      // The answer does not wait for calls that the revision before still runs.
      void functions.switchTo(revision, pool, counters);
    } catch (error) {
      if (error instanceof Error && error.cause instanceof Error) request.emit({ kind: 'stack', stack: stackOf(error.cause) });
      await this.discard(revision);
      throw error;
    }
    // The new revision serves; that an old one could not be removed changes nothing about that.
    await registry
      .retain(name)
      .catch((error: unknown) => request.emit({ kind: 'warning', text: `old revisions are kept: ${messageOf(error)}` }));
    return { function: name, revision: id, changed: true };
  }

  private async step<Result>(
    request: DeployRequest,
    name: DeployStep,
    run: () => Promise<Result>,
    detail: () => string = () => '',
  ): Promise<Result> {
    request.signal.throwIfAborted();
    request.emit({ kind: 'step', name, done: false, detail: '' });
    const result = await run();
    request.emit({ kind: 'step', name, done: true, detail: detail() });
    return result;
  }

  /** One change to a function at a time. */
  private async exclusively<Result>(name: FunctionName, change: () => Promise<Result>): Promise<Result> {
    if (this.busy.has(name)) throw new DcfError('ABORTED', `another deploy or delete of ${name} is under way; try again when it is done`);
    this.busy.add(name);
    try {
      return await change();
    } finally {
      this.busy.delete(name);
    }
  }
}

/** Whether deploying the same package again would change nothing: not when a secret of its was changed. */
function servesAsAsked(pool: FunctionPool): boolean {
  return pool.keeper.readyCount > 0 && !(pool instanceof SecretPool && pool.outdated);
}

/** Resolves when the pool is ready; an abort ends its replicas, and the start fails. */
async function startUnlessAborted(pool: FunctionPool, signal: AbortSignal): Promise<void> {
  const abort = (): void => void pool.stop(0);
  signal.addEventListener('abort', abort, { once: true });
  try {
    await pool.start();
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function describeStart(pool: FunctionPool): string {
  const workers = pool.keeper.replicas.flatMap((replica) => replica.workers);
  const slowest = Math.max(0, ...workers.map((worker) => worker.readiness?.initMs ?? 0));
  const providers = new Set(workers.flatMap((worker) => worker.readiness?.providers ?? []));
  const sessions = providers.size === 0 ? '' : `, sessions on ${[...providers].join(', ')}`;
  return `${pool.keeper.readyCount} ready, Handler built in ${formatDuration(slowest)}${sessions}`;
}
