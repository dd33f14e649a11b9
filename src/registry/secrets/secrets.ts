import { chmod, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { formatSize } from '@dcf/sdk/units';
import { DcfError, errorCode, messageOf } from '../../core/errors.js';
import { type FunctionName, maximumSecretBytes, secretNameProblem } from '../../core/names.js';
import { TaskQueue } from '../../core/task-queue.js';
import { syncPath, unfinished, writeFileAtomic } from '../disk/atomic-file.js';
import { diskError } from '../disk/disk-error.js';
import { decodeSecret, encodeSecret, type Secret } from './secret-file.js';

export type { Secret };

const maxSecrets = 1000;

/** The secrets of a data directory, in memory and on disk: one file each, which nobody but the daemon's own user can read. */
export class Secrets {
  /** Files without a secret that can be used, each with the reason, for the daemon's log. They are left as they are. */
  readonly damaged: string[] = [];
  private readonly secrets = new Map<string, Secret>();
  private readonly changes = new TaskQueue();

  private constructor(
    private readonly directory: string,
    private readonly dataDirectory: string,
  ) {}

  /**
   * Reads all secrets. The data directory's lock must be held.
   *
   * @throws DcfError when the folder cannot be made or read
   */
  static async open(dataDirectory: string): Promise<Secrets> {
    const secrets = new Secrets(join(dataDirectory, 'secrets'), dataDirectory);
    try {
      await secrets.load();
    } catch (error) {
      throw diskError(error, dataDirectory, 'read the secrets');
    }
    return secrets;
  }

  /** All of them, by name. */
  list(): readonly Secret[] {
    return [...this.secrets.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /**
   * A secret as it is now, for a function that names it.
   *
   * @throws DcfError FAILED_PRECONDITION naming it, and the command that sets it
   */
  use(name: string, user: FunctionName): Secret {
    const secret = this.secrets.get(name);
    if (secret === undefined) {
      throw new DcfError('FAILED_PRECONDITION', `there is no secret ${name}, which ${user} names: dcf secret set ${name} makes it`);
    }
    if (secret.function !== undefined && secret.function !== user) {
      const message = `the secret ${name} is for the function ${secret.function} alone, and not for ${user}: give ${user} one of another name with dcf secret set OTHER --function ${user}`;
      throw new DcfError('FAILED_PRECONDITION', message);
    }
    return secret;
  }

  /**
   * Makes a secret, or replaces it. What runs keeps the value that it was started with.
   *
   * @param onlyFor - the one function that may use it; every function otherwise
   * @throws DcfError INVALID_ARGUMENT for a name or a value that none can have, FAILED_PRECONDITION when the secret belongs to
   *   another function, RESOURCE_EXHAUSTED for too many or a full disk
   */
  set(name: string, value: Uint8Array, onlyFor: FunctionName | undefined): Promise<void> {
    return this.change(`store the secret ${name}`, async () => {
      this.check(name, value, onlyFor);
      const secret: Secret = { name, value: Buffer.from(value), function: onlyFor, setAt: Date.now() };
      await writeFileAtomic(join(this.directory, name), encodeSecret(secret));
      this.secrets.set(name, secret);
    });
  }

  /** Removes a secret. Replicas that have it keep it until they end. Throws a DcfError NOT_FOUND. */
  delete(name: string): Promise<void> {
    return this.change(`delete the secret ${name}`, async () => {
      if (!this.secrets.has(name)) throw new DcfError('NOT_FOUND', `there is no secret ${JSON.stringify(name.slice(0, 128))}`);
      await rm(join(this.directory, name), { force: true });
      await syncPath(this.directory);
      this.secrets.delete(name);
    });
  }

  private check(name: string, value: Uint8Array, onlyFor: FunctionName | undefined): void {
    const problem = secretNameProblem(name);
    if (problem !== undefined) throw new DcfError('INVALID_ARGUMENT', problem);
    if (value.length === 0) throw new DcfError('INVALID_ARGUMENT', `the value of ${name} is empty`);
    if (value.length > maximumSecretBytes) {
      const message = `the value of ${name} has ${formatSize(value.length)}: a secret has ${formatSize(maximumSecretBytes)} at most`;
      throw new DcfError('INVALID_ARGUMENT', message);
    }
    const before = this.secrets.get(name);
    if (before?.function !== undefined && before.function !== onlyFor) {
      const message = `the secret ${name} is for the function ${before.function} alone: say --function ${before.function}, or delete it first`;
      throw new DcfError('FAILED_PRECONDITION', message);
    }
    if (before === undefined && this.secrets.size >= maxSecrets) {
      throw new DcfError('RESOURCE_EXHAUSTED', `there are ${maxSecrets} secrets, and no more are kept: delete one first`);
    }
  }

  private async load(): Promise<void> {
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
    await chmod(this.directory, 0o700);
    for (const name of await readdir(this.directory)) {
      const path = join(this.directory, name);
      if (name.endsWith(unfinished)) await rm(path, { force: true });
      if (secretNameProblem(name) !== undefined) continue;
      await this.loadOne(name, path);
    }
  }

  /** Without it only those functions fail that name it. */
  private async loadOne(name: string, path: string): Promise<void> {
    try {
      const secret = decodeSecret(name, await readFile(path, 'utf8'));
      if (secret === undefined) this.damaged.push(`${path} holds no secret`);
      else this.secrets.set(name, secret);
    } catch (error) {
      this.damaged.push(`${path} cannot be read (${errorCode(error) ?? messageOf(error)})`);
    }
  }

  private async change(doing: string, task: () => Promise<void>): Promise<void> {
    try {
      await this.changes.run(task);
    } catch (error) {
      throw diskError(error, this.dataDirectory, doing);
    }
  }
}
