import type { GivenManifest, Manifest } from '@dcf/sdk/manifest';
import { DcfError } from '../../core/errors.js';
import type { FunctionName } from '../../core/names.js';
import type { LiveFunctions } from '../live/functions.js';
import type { ChangeResult, DeployEvent, Deployer } from './deployer.js';
import type { LocalPackage, PackageSource } from './package-source.js';
import { wholeRollout } from './rollout.js';

/** Changes of a package's manifest. What is empty or `undefined` stays as it is in the manifest. */
export interface ManifestChanges {
  environment: Readonly<Record<string, string>>;
  labels: Readonly<Record<string, string>>;
  annotations: Readonly<Record<string, string>>;
  /** Names of further secrets. */
  secrets: readonly string[];
  /** Bytes. */
  memory: number | undefined;
  gpu: number | undefined;
}

export interface ImageDeploy {
  name: FunctionName;
  image: string;
  changes: ManifestChanges;
  /** `create` requires that the function does not exist, `update` that it does. */
  kind: 'create' | 'update';
  signal: AbortSignal;
}

export interface ImageDeployed extends ChangeResult {
  warnings: readonly string[];
}

export interface ImageDeployerOptions {
  deployer: Deployer;
  functions: LiveFunctions;
  source: PackageSource;
}

/** Deploys packages that are on this machine already: a revision, or a folder in the operator's folder of packages. */
export class ImageDeployer {
  constructor(private readonly options: ImageDeployerOptions) {}

  /** Deploys an image. @throws DcfError ALREADY_EXISTS, NOT_FOUND, INVALID_ARGUMENT, or as a deploy does; everything stays as it was */
  async deploy({ name, image, changes, kind, signal }: ImageDeploy): Promise<ImageDeployed> {
    this.checkPresence(name, kind);
    const found = await this.options.source.find(image);
    const warnings: string[] = [];
    let missing: readonly string[] = [];
    let stack = '';
    const emit = (event: DeployEvent): void => {
      if (event.kind === 'missing') missing = event.digests;
      if (event.kind === 'warning') warnings.push(event.text);
      if (event.kind === 'stack') stack = event.stack;
    };
    // Checked again after packing, which takes time. No other change can happen between this and the deploy.
    this.checkPresence(name, kind);
    const manifest = JSON.stringify(changed(found.manifest, name, changes));
    const chunks = readLater(found, () => missing);
    try {
      const result = await this.options.deployer.deploy({ manifest, files: found.files, rollout: wholeRollout, chunks, emit, signal });
      return { ...result, warnings };
    } catch (error) {
      if (stack === '' || !DcfError.is(error)) throw error;
      throw new DcfError(error.code, `${error.message}\n${stack}`, { cause: error });
    }
  }

  private checkPresence(name: FunctionName, kind: ImageDeploy['kind']): void {
    const known = this.options.functions.find(name) !== undefined;
    if (kind === 'create' && known) throw new DcfError('ALREADY_EXISTS', `the function ${name} exists already: use Update to change it`);
    if (kind === 'update' && !known) throw new DcfError('NOT_FOUND', `there is no function ${name}: use Deploy to create it`);
  }
}

/** Reads the missing blobs; which ones these are is known only when the deploy asks for them. */
async function* readLater({ read }: LocalPackage, missing: () => readonly string[]): ReturnType<LocalPackage['read']> {
  yield* read(missing());
}

function changed(manifest: Manifest, name: FunctionName, changes: ManifestChanges): GivenManifest {
  const { environment, labels, annotations, secrets, memory, gpu } = changes;
  const known = new Set(manifest.secrets.map((secret) => secret.name));
  const added = secrets.filter((secret) => !known.has(secret));
  const limits = { ...(memory === undefined ? {} : { memory }), ...(gpu === undefined ? {} : { gpu }) };
  return {
    ...manifest.given,
    name,
    ...merged('environment', manifest.environment, environment),
    ...merged('labels', manifest.labels, labels),
    ...merged('annotations', manifest.annotations, annotations),
    ...merged('limits', manifest.given['limits'], limits),
    ...(added.length === 0 ? {} : { secrets: [...manifest.secrets, ...added] }),
  };
}

/** A key of a manifest with further entries; no key if there are none, so that an unchanged package stays the same revision. */
function merged(key: string, before: unknown, more: object): GivenManifest {
  if (Object.keys(more).length === 0) return {};
  return { [key]: { ...(typeof before === 'object' ? before : {}), ...more } };
}
