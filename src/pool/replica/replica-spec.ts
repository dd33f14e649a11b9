import { languageOf } from '@dcf/sdk/languages';
import type { Manifest } from '@dcf/sdk/manifest';
import { DcfError } from '../../core/errors.js';
import { type Interpreter, nodeInterpreter } from '../../core/interpreter.js';
import type { Confinement, Isolation } from '../../process/confinement.js';
import { type DeviceLease, unmanagedDevices } from '../../process/device-lease.js';
import { directStarter, type Starter } from '../../process/spawner/starter.js';
import { type InitHeader, protocolVersion } from '../../wire/messages.js';

/** What a replica needs to know about its revision. */
export interface ReplicaSpec extends Omit<InitHeader, 'protocol' | 'worker' | 'devices'> {
  interpreter: Interpreter;
  /** Called once for each replica; gives it its devices. */
  leaseDevices: () => DeviceLease;
  /** Workers of one replica. */
  threads: number;
  environment: Readonly<Record<string, string>>;
  initTimeoutMs: number;
  /** The starter to use for the next process. */
  starter: () => Starter;
  confinement: Confinement;
  /** Whether a busy worker may be sent its next call. */
  sendsAhead: boolean;
  /** After how many calls, and above how many bytes of memory, a replica is replaced; `undefined`: never. */
  recycle: { maxCalls?: number | undefined; maxMemory?: number | undefined };
}

/** What a replica needs to know and its manifest does not say: where the revision is, and what this host gives it. */
export interface Placement {
  revision: string;
  /** Absolute path of the revision's folder. */
  directory: string;
  resources: Readonly<Record<string, string>>;
  providers: readonly string[];
  /** Called once for each replica; gives it its devices. @default the devices that the daemon sees */
  leaseDevices?: () => DeviceLease;
  /** What runs its Handlers. @default this program's Node */
  interpreter?: Interpreter;
  /** The starter to use for the next process. @default this process */
  starter?: () => Starter;
  /** Absolute paths of files and folders that a sandbox can read besides the revision's. @default none */
  readOnly?: readonly string[];
  /** Path of the control group that the operator gave to the daemon. */
  cgroup?: string | undefined;
  /** The most bytes of one input or output that the daemon allows. @default the manifest's `limits.payload` */
  maxPayload?: number;
  /** Whether a busy worker may be sent its next call. @default true */
  sendsAhead?: boolean;
}

/** Makes the spec of a revision's replicas. Throws a DcfError INTERNAL when the interpreter is one of another runtime. */
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
  if (interpreter.runtime !== runtime)
    throw new DcfError('INTERNAL', `an interpreter for ${interpreter.runtime} was chosen for a function with runtime: ${runtime}`);
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
  // Most resources are in the revision's folder; with `dcf run` a large one may be a link to a place outside it.
  return { kind: 'sandbox', network, gpu, readOnly: [...Object.values(resources), ...readOnly, ...interpreter.folders] };
}

/** Makes the header of the INIT message for one worker of a replica. */
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
