import { secretVariable } from '@dcf/sdk/manifest';
import { DcfError, messageOf } from '../../core/errors.js';
import type { Revision } from '../model/revision.js';
import { SecretFiles } from './secret-files.js';
import { SecretMask } from './secret-mask.js';
import type { Secret, Secrets } from './secrets.js';

type Wanted = Revision['manifest']['secrets'][number];

/** Gives the replicas of one pool the secrets that their revision names, and hides these in their output. */
export class RevisionSecrets {
  private readonly mask = new SecretMask();
  private readonly files: SecretFiles;
  /** The secrets as the latest replica got them, by environment variable: one secret may be given as a variable and as a file. */
  private readonly given = new Map<string, Secret>();

  constructor(
    private readonly secrets: Secrets,
    private readonly revision: Revision,
    dataDirectory: string,
  ) {
    this.files = new SecretFiles(dataDirectory, revision);
  }

  /**
   * The environment variables for a replica that starts now. The files of secrets are written when this returns.
   *
   * @throws DcfError FAILED_PRECONDITION when a secret does not exist, is for another function, or cannot be a variable
   */
  environment(): Record<string, string> {
    const variables = this.wanted.map((wanted) => [secretVariable(wanted), this.give(wanted)] as const);
    return Object.fromEntries(variables);
  }

  /** The folder of the files with secrets; it exists only while there are any. */
  get directory(): string {
    return this.files.directory;
  }

  /** Whether a secret was changed since a replica was started with it. */
  get outdated(): boolean {
    const now = new Map(this.secrets.list().map((secret) => [secret.name, secret]));
    return [...this.given.values()].some((secret) => now.get(secret.name) !== secret);
  }

  /** Hides secrets in a part of a line; a secret may be split between two parts. */
  hidePart(text: string, part: { continued: boolean; open: boolean }): string {
    return this.mask.applyToPart(text, part);
  }

  /** Replaces each secret in a text by `***`. */
  hide(text: string): string {
    return this.mask.apply(text);
  }

  /** Removes the files with secrets. */
  async close(): Promise<void> {
    await this.files.remove();
  }

  private get wanted(): readonly Wanted[] {
    return this.revision.manifest.secrets;
  }

  private give(wanted: Wanted): string {
    const secret = checkedSecret(this.secrets, wanted, this.revision);
    const variable = secretVariable(wanted);
    if (this.given.get(variable) !== secret) {
      this.mask.add(textOf(secret));
      if (wanted.file) this.write(secret);
      this.given.set(variable, secret);
    }
    return wanted.file ? this.files.path(wanted.name) : textOf(secret);
  }

  private write({ name, value }: Secret): void {
    try {
      this.files.write(name, value);
    } catch (error) {
      throw new DcfError('FAILED_PRECONDITION', `the file of the secret ${name} could not be written: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
}

/**
 * Checks that a revision can get all secrets that it names.
 *
 * @throws DcfError FAILED_PRECONDITION with the first secret that it cannot get, and what to do
 */
export function checkSecrets(secrets: Secrets, revision: Revision): void {
  for (const wanted of revision.manifest.secrets) checkedSecret(secrets, wanted, revision);
}

function checkedSecret(secrets: Secrets, wanted: Wanted, revision: Revision): Secret {
  const secret = secrets.use(wanted.name, revision.name);
  const { value, name } = secret;
  // A process could not be started with it, and Node's own error would show the value.
  if (!wanted.file && (value.includes(0) || !value.equals(Buffer.from(value.toString('utf8'))))) {
    const message = `the secret ${name} is not UTF-8 text, so it cannot be an environment variable: take it as a file, with secrets: [{ name: ${name}, file: true }]`;
    throw new DcfError('FAILED_PRECONDITION', message);
  }
  return secret;
}

/** A value as an environment variable: without the line break at its end, which editors and `echo` add. */
function textOf({ value }: Secret): string {
  return value.toString('utf8').replace(/\r?\n$/, '');
}
