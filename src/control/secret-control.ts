import type { SecretSummary } from '@dcf/sdk/contract';
import type { FunctionName } from '../core/names.js';
import type { Secrets } from '../registry/secrets/secrets.js';
import type { LiveFunctions } from './live/functions.js';

/** The administration of secrets. Their values come in here, and never go out. */
export class SecretControl {
  constructor(
    private readonly secrets: Secrets,
    private readonly functions: LiveFunctions,
  ) {}

  list(): SecretSummary[] {
    return this.secrets.list().map(({ name, function: onlyFor, setAt }) => ({ name, function: onlyFor ?? '', setAt }));
  }

  /**
   * Makes a secret, or replaces it.
   *
   * @returns the functions that run on with the value before
   * @throws DcfError as `Secrets.set` does
   */
  async set(name: string, value: Uint8Array, onlyFor: FunctionName | undefined): Promise<readonly FunctionName[]> {
    await this.secrets.set(name, value, onlyFor);
    return this.runningWith(name);
  }

  /**
   * Removes a secret.
   *
   * @returns the functions that run on with it
   * @throws DcfError NOT_FOUND
   */
  async delete(name: string): Promise<readonly FunctionName[]> {
    await this.secrets.delete(name);
    return this.runningWith(name);
  }

  private runningWith(name: string): readonly FunctionName[] {
    const named = this.functions.list().filter(({ revision, running }) => {
      return running.kind === 'pool' && revision.manifest.secrets.some((secret) => secret.name === name);
    });
    return named.map((live) => live.name);
  }
}
