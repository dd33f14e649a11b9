import type { Manifest, ProviderName } from '@dcf/sdk/manifest';
import type { FunctionName } from '../../core/names.js';
import type { JoinOptions } from '../../core/shared-task.js';
import { findInterpreter, type Programs, packagesOf } from '../../languages/languages.js';
import type { CallFunction } from '../../pool/calls/nested-call.js';
import { FunctionPool } from '../../pool/function-pool.js';
import type { LogLine } from '../../pool/output/log-line.js';
import { type CallCounters, type PoolHost, poolOptions } from '../../pool/pool-options.js';
import { type ReplicaSpec, replicaSpec } from '../../pool/replica/replica-spec.js';
import type { DeviceLease } from '../../process/device-lease.js';
import { requireSandbox } from '../../process/sandbox-support.js';
import type { Starter } from '../../process/spawner/starter.js';
import type { Downloads } from '../../registry/download/downloads.js';
import { installDependencies } from '../../registry/install/dependencies.js';
import { provideSystemPackages } from '../../registry/install/system-packages.js';
import type { Scale } from '../../registry/model/release.js';
import { resolveResources } from '../../registry/model/resources.js';
import type { Revision } from '../../registry/model/revision.js';
import type { Registry } from '../../registry/registry.js';
import { checkSecrets, RevisionSecrets } from '../../registry/secrets/revision-secrets.js';
import type { Secrets } from '../../registry/secrets/secrets.js';
import { withSecrets } from './secret-spec.js';

/** A line of a function's log, with the replica and revision that wrote it. */
export interface FunctionLine extends LogLine {
  replica: number;
  revision: string;
}

export interface LauncherOptions {
  registry: Registry;
  secrets: Secrets;
  downloads: Downloads;
  /** Chooses the execution providers that a function gets on this host; rejects with the reasons if none is usable. */
  chooseProviders: (name: FunctionName, wanted: readonly ProviderName[]) => Promise<readonly ProviderName[]>;
  /** Resolves with a function that reserves the devices of one replica; rejects if this host has too few. */
  leaseDevices: (manifest: Manifest, providers: readonly string[]) => Promise<() => DeviceLease>;
  /** The programs that run functions whose manifests ask for no version. */
  programs: Programs;
  /** Returns what starts the processes of replicas: the spawner, or the daemon itself while there is none. */
  starter: () => Starter;
  /** Whether the operator allows the daemon to install system packages. */
  installPackages: boolean;
  killGraceMs: number;
  /** Most bytes of one input or output of any function. */
  maxPayload: number;
  /** The control group that the operator gave to the daemon for `limits.memory`; `undefined` if there is none. */
  cgroup: string | undefined;
  /** Whether a busy worker may be sent its next call. */
  sendsAhead: boolean;
  callFunction: CallFunction;
  onLine: (name: FunctionName, line: FunctionLine) => void;
  /** Called when the readiness of a function may have changed. */
  onChange: () => void;
}

/** What control uses of a `Launcher`. */
export type RevisionLauncher = Pick<Launcher, 'prepare' | 'createPool'>;

/** Prepares revisions of the registry to run, and makes their pools. */
export class Launcher {
  constructor(private readonly options: LauncherOptions) {}

  /**
   * Prepares a revision: checks its secrets and its interpreter, chooses its execution providers, downloads its resources, writes its files
   * into its folder, and installs its dependencies, and system packages if that is allowed.
   *
   * @param onOutput - gets each line of output of an installer, and the progress of downloads
   * @param signal - gives the preparation up when it aborts
   * @throws DcfError that says what is missing; the running function has not changed
   */
  async prepare(revision: Revision, onOutput: (line: string) => void, signal: AbortSignal): Promise<ReplicaSpec> {
    const {
      registry,
      secrets,
      chooseProviders,
      leaseDevices: leaseOn,
      starter,
      installPackages,
      cgroup,
      maxPayload,
      programs,
      sendsAhead,
    } = this.options;
    const { manifest } = revision;
    checkSecrets(secrets, revision);
    if (manifest.isolation === 'sandbox') await requireSandbox();
    const interpreter = await findInterpreter(manifest, programs);
    const providers = await chooseProviders(revision.name, manifest.providers);
    const leaseDevices = await leaseOn(manifest, providers);
    await this.layOut(revision, { onOutput, signal });
    const { apt } = manifest.packages;
    if (apt.length > 0) await provideSystemPackages(apt, { mayInstall: installPackages, onOutput, signal });
    await installDependencies({
      revisionDirectory: revision.directory,
      dataDirectory: registry.dataDirectory,
      onOutput,
      interpreter,
      signal,
    });
    const resources = resolveResources(manifest, revision.directory);
    const { id, directory } = revision;
    const readOnly = [packagesOf(directory, manifest.runtime)];
    const placed = {
      revision: id,
      directory,
      resources,
      providers,
      leaseDevices,
      starter,
      interpreter,
      readOnly,
      cgroup,
      maxPayload,
      sendsAhead,
    };
    return replicaSpec(manifest, placed);
  }

  private async layOut(revision: Revision, options: JoinOptions): Promise<void> {
    const { registry, downloads } = this.options;
    const download = async (): Promise<number> => {
      const missing = await registry.missingResources(revision);
      for (const resource of missing) await downloads.fetch(resource, options);
      return missing.length;
    };
    await download();
    try {
      await registry.materialize(revision);
    } catch (error) {
      // Damaged blobs were deleted, and so are missing now.
      if ((await download()) === 0) throw error;
      await registry.materialize(revision);
    }
  }

  /**
   * Makes a pool for a prepared revision. It starts no replica before its `start` is called.
   *
   * @param scale - the bounds for the number of replicas; `undefined` for those of the manifest
   * @param onLine - gets each line of the revision's log, in addition to the log itself
   */
  createPool(
    revision: Revision,
    spec: ReplicaSpec,
    counters: CallCounters,
    scale: Scale | undefined,
    onLine: (line: LogLine) => void = () => undefined,
  ): FunctionPool {
    const { registry } = this.options;
    const { manifest } = revision;
    const secrets = manifest.secrets.length === 0 ? undefined : new RevisionSecrets(this.options.secrets, revision, registry.dataDirectory);
    const host: PoolHost = {
      spec: secrets === undefined ? spec : withSecrets(spec, secrets),
      secrets,
      killGraceMs: this.options.killGraceMs,
      counters,
      callFunction: this.options.callFunction,
      onLog: (replica, line) => {
        this.options.onLine(revision.name, { ...line, replica, revision: revision.id });
        onLine(line);
      },
      onChange: this.options.onChange,
    };
    return new FunctionPool(poolOptions(manifest, host, scale));
  }
}
