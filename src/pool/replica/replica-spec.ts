import { languageOf } from '@dcf/sdk/languages';
import type { Manifest } from '@dcf/sdk/manifest';
import { DcfError } from '../../core/errors.js';
import { type Interpreter, nodeInterpreter } from '../../core/interpreter.js';
import type { Confinement, Isolation } from '../../process/confinement.js';
import { type DeviceLease, unmanagedDevices } from '../../process/device-lease.js';
import { directStarter, type Starter } from '../../process/spawner/starter.js';
import { type InitHeader, protocolVersion } from '../../wire/messages.js';

/** All that a replica needs to know of its revision. */
export interface ReplicaSpec extends Omit<InitHeader, 'protocol' | 'worker' | 'devices'> {
  interpreter: Interpreter;
  /** Gives a replica its devices. */
  leaseDevices: () => DeviceLease;
  threads: number;
  environment: Readonly<Record<string, string>>;
  initTimeoutMs: number;
  /** Who starts a process now. */
  starter: () => Starter;
  confinement: Confinement;
  /** When a replica that has done well enough is replaced; never where it says nothing. */
  /** Whether a busy worker may be sent its next call. */
  sendsAhead: boolean;
  recycle: { maxCalls?: number | undefined; maxMemory?: number | undefined };
}

/** What a manifest does not say of a revision: where it lies and what this host gives it. */
export interface Placement {
  revision: string;
  /** Absolute path of the revision's folder. */
  directory: string;
  resources: Readonly<Record<string, string>>;
  providers: readonly string[];
  /** Gives a replica its devices; where nobody does, it sees those that the daemon sees. */
  leaseDevices?: () => DeviceLease;
  /** What runs its Handlers. @default this program's Node */
  interpreter?: Interpreter;
  /** Who starts a process now; where nobody is named, this process itself. */
  starter?: () => Starter;
  /** Files and folders beside the revision's that a sandbox can read, absolute. */
  readOnly?: readonly string[];
  /** A control group that the operator gave to the daemon. */
  cgroup?: string | undefined;
  /** Bytes of one input or output that the daemon lets any function have. */
  maxPayload?: number;
  /** Whether a busy worker may be sent its next call. @default true */
  sendsAhead?: boolean;
}

/** Puts together what a replica of a revision needs to know. */
export function replicaSpec(manifest: Manifest, placement: Placement): ReplicaSpec {
  const { name, runtime, handler, initializer, parameters, environment, threads, concurrency, batch, initTimeout, limits, recycle } =
    manifest;
  const {
    cgroup,
    readOnly: _,
    interpreter = nodeInterpreter,
    leaseDevices = () => unmanagedDevices,
    starter = () => directStarter,
    maxPayload = limits.payload,
    sendsAhead = true,
    ...rest
  } = placement;
  if (interpreter.runtime !== runtime) throw new DcfError('INTERNAL', `a ${interpreter.runtime} was chosen for runtime: ${runtime}`);
  return {
    ...rest,
    leaseDevices,
    starter,
    interpreter,
    sendsAhead,
    function: name,
    handler,
    initializer,
    parameters,
    environment,
    threads,
    concurrency,
    maxBatch: batch.maxSize,
    initTimeoutMs: initTimeout,
    maxPayload: Math.min(limits.payload, maxPayload),
    confinement: { isolation: isolationOf(manifest, placement), memoryLimit: limits.memory, cgroup },
    recycle,
  };
}

function isolationOf(manifest: Manifest, placement: Placement): Isolation {
  const { isolation, network, limits, runtime } = manifest;
  if (isolation === 'process') return { kind: 'process' };
  const { resources, interpreter = nodeInterpreter, readOnly = [] } = placement;
  const providers = languageOf(runtime).ownProviders ? manifest.providers : placement.providers;
  const gpu = limits.gpu > 0 || providers.some((provider) => provider !== 'cpu');
  // Most resources lie in the revision's folder; a large one of `dcf run` may be a link out of it.
  return { kind: 'sandbox', network, gpu, readOnly: [...Object.values(resources), ...readOnly, ...interpreter.folders] };
}

/** What a worker is told of its replica. */
export function initHeader(spec: ReplicaSpec, worker: number, devices: readonly string[]): InitHeader {
  const {
    function: name,
    revision,
    directory,
    handler,
    initializer,
    parameters,
    resources,
    providers,
    concurrency,
    maxBatch,
    maxPayload,
  } = spec;
  const placed = { protocol: protocolVersion, function: name, revision, worker, directory, handler, initializer, parameters };
  return { ...placed, resources, providers, devices, concurrency, maxBatch, maxPayload };
}
