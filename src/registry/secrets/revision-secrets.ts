import { secretVariable } from '@dcf/sdk/manifest';
import { DcfError, messageOf } from '../../core/errors.js';
import type { Revision } from '../model/revision.js';
import { SecretFiles } from './secret-files.js';
import { SecretMask } from './secret-mask.js';
import type { Secret, Secrets } from './secrets.js';

type Wanted = Revision['manifest']['secrets'][number];

/** What the replicas of one pool get of the secrets that their revision names. */
export class RevisionSecrets {
  private readonly mask = new SecretMask();
  private readonly files: SecretFiles;
  /** As the replica that was started last got them, by their variables: one secret may come as a variable and as a file. */
  private readonly given = new Map<string, Secret>();

  constructor(
    private readonly secrets: Secrets,
    private readonly revision: Revision,
    dataDirectory: string,
  ) {
    this.files = new SecretFiles(dataDirectory, revision);
  }

  /**
   * The variables for a replica that starts now; files are there when this returns.
   *
   * @throws DcfError FAILED_PRECONDITION when a secret is not there, not for this function, or cannot be a variable
   */
  environment(): Record<string, string> {
    const variables = this.wanted.map((wanted) => [secretVariable(wanted), this.give(wanted)] as const);
    return Object.fromEntries(variables);
  }

  /** The folder that files with secrets are in; it is there only while there are any. */
  get directory(): string {
    return this.files.directory;
  }

  /** Whether a secret is not any more what a replica was started with. */
  get outdated(): boolean {
    const now = new Map(this.secrets.list().map((secret) => [secret.name, secret]));
    return [...this.given.values()].some((secret) => now.get(secret.name) !== secret);
  }

  /** Hides secrets in a part of a line: one secret may be in two parts. */
  hidePart(text: string, part: { continued: boolean; open: boolean }): string {
    return this.mask.applyToPart(text, part);
  }

  /** A text of a replica with `***` for each secret in it. */
  hide(text: string): string {
    return this.mask.apply(text);
  }

  /** Removes the files. */
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
 * Checks that a revision can have all the secrets that it names.
 *
 * @throws DcfError FAILED_PRECONDITION naming the first that it cannot have, and what to do
 */
export function checkSecrets(secrets: Secrets, revision: Revision): void {
  for (const wanted of revision.manifest.secrets) checkedSecret(secrets, wanted, revision);
}

function checkedSecret(secrets: Secrets, wanted: Wanted, revision: Revision): Secret {
  const secret = secrets.use(wanted.name, revision.name);
  const { value, name } = secret;
  // A process could not be started with it, and Node's own error would show the value.
  if (!wanted.file && (value.includes(0) || !value.equals(Buffer.from(value.toString('utf8'))))) {
    const message = `the secret ${name} is no text and cannot be a variable: take it as a file, with secrets: [{ name: ${name}, file: true }]`;
    throw new DcfError('FAILED_PRECONDITION', message);
  }
  return secret;
}

/** A value as a variable has it: without its last line break, which editors and `echo` put there. */
function textOf({ value }: Secret): string {
  return value.toString('utf8').replace(/\r?\n$/, '');
}
