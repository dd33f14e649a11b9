import type { PackageFile } from '@dcf/sdk/contract';
import { type Manifest, parseManifestJson } from '@dcf/sdk/manifest';
import { formatSize } from '@dcf/sdk/units';
import { DcfError, messageOf } from '../../core/errors.js';
import { aliasNameProblem, type FunctionName, isAliasName, type RevisionId } from '../../core/names.js';
import { type FunctionRecord, releaseOf } from '../../registry/model/function-record.js';
import type { Release } from '../../registry/model/release.js';
import { type Revision, sizeOf } from '../../registry/model/revision.js';
import type { Registry } from '../../registry/registry.js';
import type { LiveFunctions } from '../live/functions.js';
import type { Activator } from './activator.js';
import type { KeyedMutex } from './keyed-mutex.js';
import { type ChangeEvent, type Progress, tellStack } from './progress.js';
import { planRollout, type Rollout } from './rollout.js';
import { type Chunk, receiveBlobs } from './upload.js';

/** An event of a deploy. */
export type DeployEvent =
  | ChangeEvent
  /** The blobs that the daemon does not have and the client has to send. */
  | { kind: 'missing'; digests: readonly string[]; bytes: number }
  /** The revision that is being deployed. */
  | { kind: 'revision'; id: RevisionId };

/** A package as a client sends it: its manifest and list of files first, then the blobs that are missing. */
export interface DeployRequest extends Omit<Progress, 'emit'> {
  /** The manifest as the user gave it, as JSON. */
  manifest: string;
  files: readonly PackageFile[];
  /** Which calls the new revision gets. */
  rollout: Rollout;
  chunks: AsyncIterable<Chunk>;
  emit: (event: DeployEvent) => void;
}

/** The result of a change of a function. */
export interface ChangeResult {
  function: FunctionName;
  /** The revision that was deployed; for a change without a deploy, the active one. */
  revision: string;
  /** Whether anything has changed; false if everything was as asked already. */
  changed: boolean;
}

/** The logs of functions, for a deployer. */
export interface DeployLogs {
  /** Logs why a deploy failed after its revision began to start. */
  appendFailure: (name: FunctionName, revision: RevisionId, error: unknown) => void;
  /** Removes the log of a function. Returns whether there was one. */
  delete: (name: FunctionName) => Promise<boolean>;
  /** Removes old logs of functions that are not deployed. */
  sweep: () => Promise<void>;
}

export interface DeployerOptions {
  registry: Registry;
  functions: LiveFunctions;
  activator: Activator;
  changes: KeyedMutex;
  /** Most bytes of one input that the daemon accepts for any function. */
  maxPayload: number;
  /** The logs of functions, also of those whose first deploy failed. */
  logs: DeployLogs;
}

/** Receives a package, starts it, and switches calls to it only when it is ready. Any failure before leaves everything as it was. */
export class Deployer {
  constructor(private readonly options: DeployerOptions) {}

  /**
   * Deploys a package.
   *
   * @throws DcfError INVALID_ARGUMENT, FAILED_PRECONDITION, ABORTED or RESOURCE_EXHAUSTED; calls still go to the revision before
   */
  deploy(request: DeployRequest): Promise<ChangeResult> {
    const manifest = parseManifestJson(request.manifest);
    const { name, limits } = manifest;
    const { alias } = request.rollout;
    if (alias !== undefined && !isAliasName(alias)) throw new DcfError('INVALID_ARGUMENT', aliasNameProblem(alias));
    if (limits.payload > this.options.maxPayload && isGiven(manifest, 'limits', 'payload')) {
      const message = `limits.payload is ${limits.payload} bytes, but this daemon accepts inputs only up to ${this.options.maxPayload}; lower it, or start the daemon with a larger --max-payload`;
      throw new DcfError('FAILED_PRECONDITION', message);
    }
    return this.options.changes.run(name, async () => {
      const revision = await this.receive(request, manifest);
      return this.activate(request, revision);
    });
  }

  /** Deletes a function with its log. @throws DcfError NOT_FOUND; ABORTED while another change runs */
  delete(name: FunctionName): Promise<void> {
    return this.options.changes.run(name, async () => {
      const { registry, functions, logs } = this.options;
      // A function whose first deploy failed has nothing but its log.
      if (!registry.has(name) && (await logs.delete(name))) return;
      await registry.delete(name, () => functions.remove(name));
      await logs.delete(name);
    });
  }

  /** Removes what a failed deploy has stored, except for the log, which says why it failed. A failure here must not hide that. */
  private async discard(revision: Revision, { emit }: DeployRequest): Promise<void> {
    const { registry, logs } = this.options;
    try {
      await registry.discard(revision);
      if (!registry.has(revision.name)) await logs.sweep();
    } catch (error) {
      emit({ kind: 'warning', text: `what the failed deploy has stored could not be removed: ${messageOf(error)}` });
    }
  }

  private async receive(request: DeployRequest, manifest: Manifest): Promise<Revision> {
    const { registry } = this.options;
    request.emit({ kind: 'step', name: 'receive', done: false, detail: '' });
    const { revision, missing } = await registry.createRevision({ manifest, files: request.files });
    const bytes = sizeOf(missing);
    request.emit({ kind: 'revision', id: revision.id });
    request.emit({ kind: 'missing', digests: missing.map((file) => file.sha256), bytes });
    try {
      await receiveBlobs(registry.blobs, new Map(missing.map((file) => [file.sha256, file.size])), request.chunks);
      request.signal.throwIfAborted();
    } catch (error) {
      await this.discard(revision, request);
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

  private async activate(request: DeployRequest, revision: Revision): Promise<ChangeResult> {
    const { registry, activator } = this.options;
    const { name, id } = revision;
    const before = registry.get(name);
    try {
      const { release, warning } = planRollout(before && releaseOf(before), revision, request.rollout, Date.now());
      if (warning !== undefined) request.emit({ kind: 'warning', text: warning });
      if (before !== undefined && this.isDone(before, release, revision)) return { function: name, revision: id, changed: false };
      await activator.change(name, release, [id], request);
      // The pool may still run with the bounds that `dcf scale` gave it.
      if (before?.scale[id] !== undefined) this.options.functions.scale(name, id);
    } catch (error) {
      tellStack(request, error);
      this.options.logs.appendFailure(name, id, error);
      await this.discard(revision, request);
      throw error;
    }
    await this.retain(name, request);
    return { function: name, revision: id, changed: true };
  }

  private isDone(before: FunctionRecord, release: Release, { id }: Revision): boolean {
    const live = this.options.functions.find(before.name);
    return JSON.stringify(releaseOf(before)) === JSON.stringify(release) && live !== undefined && live.isCurrent(id);
  }

  /** Removes revisions that are too old. The deploy has succeeded already, so a failure here is only a warning. */
  private async retain(name: FunctionName, { emit }: DeployRequest): Promise<void> {
    const { registry, functions } = this.options;
    try {
      const removed = await registry.retain(name, undefined, (id) => functions.isRunning(name, id));
      for (const id of removed) functions.find(name)?.forget(id);
    } catch (error) {
      emit({ kind: 'warning', text: `old revisions could not be removed: ${messageOf(error)}` });
    }
  }
}

/** Whether the user wrote a key of a section of the manifest. */
function isGiven({ given }: Manifest, section: string, key: string): boolean {
  const found = given[section];
  return typeof found === 'object' && found !== null && key in found;
}
