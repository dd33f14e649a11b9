import type { SecretSummary } from '@dcf/sdk/contract';
import type { Manifest } from '@dcf/sdk/manifest';
import type { FunctionName } from '../core/names.js';
import type { Secrets } from '../registry/secrets/secrets.js';
import type { Running } from './live/live-function.js';

/** A deployed function, and what runs of it: implemented by `LiveFunction`. */
export interface SecretUser {
  readonly name: FunctionName;
  /** The revisions that get calls. */
  readonly revisions: readonly { revision: { manifest: Pick<Manifest, 'secrets'> }; running: Pick<Running, 'kind'> }[];
}

/** Administers secrets. Their values come in here, but never go out. */
export class SecretControl {
  constructor(
    private readonly secrets: Pick<Secrets, 'list' | 'set' | 'delete'>,
    private readonly functions: { list(): readonly SecretUser[] },
  ) {}

  /** All secrets, without their values. */
  list(): SecretSummary[] {
    return this.secrets.list().map(({ name, function: onlyFor, setAt }) => ({ name, function: onlyFor ?? '', setAt }));
  }

  /**
   * Creates a secret, or replaces its value.
   *
   * @returns the functions whose replicas still run with the value before
   * @throws DcfError as `Secrets.set` does
   */
  async set(name: string, value: Uint8Array, onlyFor: FunctionName | undefined): Promise<readonly FunctionName[]> {
    await this.secrets.set(name, value, onlyFor);
    return this.runningWith(name);
  }

  /**
   * Deletes a secret.
   *
   * @returns the functions whose replicas still run with it
   * @throws DcfError NOT_FOUND
   */
  async delete(name: string): Promise<readonly FunctionName[]> {
    await this.secrets.delete(name);
    return this.runningWith(name);
  }

  /** The functions of which any revision that gets calls runs with a secret. */
  private runningWith(secret: string): readonly FunctionName[] {
    const uses = ({ revision, running }: SecretUser['revisions'][number]): boolean =>
      running.kind === 'pool' && revision.manifest.secrets.some(({ name }) => name === secret);
    const named = this.functions.list().filter(({ revisions }) => revisions.some(uses));
    return named.map(({ name }) => name);
  }
}
