import type { Manifest, ProviderName } from '@dcf/sdk/manifest';
import type { FunctionName } from '../../core/names.js';
import type { JoinOptions } from '../../core/shared-task.js';
import type { CallFunction } from '../../pool/calls/nested-call.js';
import { FunctionPool } from '../../pool/function-pool.js';
import type { LogLine } from '../../pool/output/log-line.js';
import { type CallCounters, type PoolHost, poolOptions } from '../../pool/pool-options.js';
import type { ReplicaSpec } from '../../pool/replica/replica-spec.js';
import { replicaSpec } from '../../pool/replica/replica-spec.js';
import type { DeviceLease } from '../../process/device-lease.js';
import { findInterpreter, type Programs } from '../../process/runtimes.js';
import { requireSandbox } from '../../process/sandbox-support.js';
import type { Starter } from '../../process/spawner/starter.js';
import type { Downloads } from '../../registry/download/downloads.js';
import { installDependencies } from '../../registry/install/dependencies.js';
import { packagesOf } from '../../registry/install/planners.js';
import { provideSystemPackages } from '../../registry/install/system-packages.js';
import type { Scale } from '../../registry/model/release.js';
import { resolveResources } from '../../registry/model/resources.js';
import type { Revision } from '../../registry/model/revision.js';
import type { Registry } from '../../registry/registry.js';
import { checkSecrets, RevisionSecrets } from '../../registry/secrets/revision-secrets.js';
import type { Secrets } from '../../registry/secrets/secrets.js';
import { SecretPool } from './secret-pool.js';

/** A line of a function's log, with where it came from. */
export interface FunctionLine extends LogLine {
  replica: number;
  revision: string;
}

export interface LauncherOptions {
  registry: Registry;
  secrets: Secrets;
  downloads: Downloads;
  /** The execution providers that a function gets on this host; rejects with the reasons when there is none. */
  chooseProviders: (name: FunctionName, wanted: readonly ProviderName[]) => Promise<readonly ProviderName[]>;
  /** How each replica of a function gets its devices; rejects when this host has too few. */
  leaseDevices: (manifest: Manifest, providers: readonly string[]) => Promise<() => DeviceLease>;
  /** What runs functions whose manifests ask for no version. */
  programs: Programs;
  /** Who starts the processes of replicas now. */
  starter: () => Starter;
  /** Whether the operator lets the daemon install system packages. */
  installPackages: boolean;
  killGraceMs: number;
  /** Bytes of one input or output that any function may have. */
  maxPayload: number;
  /** A control group that the operator gave to the daemon for `limits.memory`. */
  cgroup: string | undefined;
  /** Whether a busy worker may be sent its next call. */
  sendsAhead: boolean;
  callFunction: CallFunction;
  onLine: (name: FunctionName, line: FunctionLine) => void;
  /** The readiness of a function may have changed. */
  onChange: (name: FunctionName) => void;
}

/** Makes a revision that the registry knows ready to run, and its pool. */
export class Launcher {
  constructor(private readonly options: LauncherOptions) {}

  /**
   * Checks that its secrets and its interpreter are there, downloads what it has elsewhere, lays out the revision's files, installs its
   * dependencies, system packages where that is allowed, and picks its execution providers.
   *
   * @param onOutput - told each line of an installer, and how downloads go on
   * @throws DcfError with what is missing; nothing of the running function has changed
   */
  async prepare(revision: Revision, onOutput: (line: string) => void, signal?: AbortSignal): Promise<ReplicaSpec> {
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
      ...(signal === undefined ? {} : { signal }),
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
      // Blobs that were damaged are gone now.
      if ((await download()) === 0) throw error;
      await registry.materialize(revision);
    }
  }

  /**
   * A pool for a prepared revision; it runs nothing until its `start`.
   *
   * @param scale - how many replicas, where that is not as the manifest has it
   * @param onLine - told each line of the revision's log, besides the log itself
   */
  createPool(
    revision: Revision,
    spec: ReplicaSpec,
    counters: CallCounters,
    scale: Scale | undefined,
    onLine: (line: LogLine) => void = () => undefined,
  ): FunctionPool {
    const { registry, secrets } = this.options;
    const { manifest } = revision;
    const host: PoolHost = {
      spec,
      killGraceMs: this.options.killGraceMs,
      counters,
      callFunction: this.options.callFunction,
      onLog: (replica, line) => {
        this.options.onLine(revision.name, { ...line, replica, revision: revision.id });
        onLine(line);
      },
      onChange: () => this.options.onChange(revision.name),
    };
    const options = poolOptions(manifest, host, scale);
    if (manifest.secrets.length === 0) return new FunctionPool(options);
    return new SecretPool(options, new RevisionSecrets(secrets, revision, registry.dataDirectory));
  }
}
