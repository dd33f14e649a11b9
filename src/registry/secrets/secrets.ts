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

/** The secrets of a data directory, in memory and on disk. Each is a file that only the daemon's own user can read. */
export class Secrets {
  /** Messages about files that could not be loaded, for the daemon's log. The files are not changed. */
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

  /** All secrets, sorted by name. */
  list(): readonly Secret[] {
    return [...this.secrets.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /**
   * The current value of a secret, for a function that names it.
   *
   * @throws DcfError FAILED_PRECONDITION with its name and the command that sets it, when it does not exist or is for another function
   */
  use(name: string, user: FunctionName): Secret {
    const secret = this.secrets.get(name);
    if (secret === undefined) {
      throw new DcfError('FAILED_PRECONDITION', `there is no secret ${name}, which ${user} needs: set it with dcf secret set ${name}`);
    }
    if (secret.function !== undefined && secret.function !== user) {
      const message = `the secret ${name} is only for the function ${secret.function}, and not for ${user}: give ${user} one of another name with dcf secret set OTHER --function ${user}`;
      throw new DcfError('FAILED_PRECONDITION', message);
    }
    return secret;
  }

  /**
   * Adds a secret, or replaces it. Running replicas keep the value that they were started with.
   *
   * @param onlyFor - the one function that may use it; `undefined`: every function
   * @throws DcfError INVALID_ARGUMENT for a name or a value that is not allowed, FAILED_PRECONDITION when the secret is for another
   *   function, RESOURCE_EXHAUSTED when there are too many secrets or the disk is full
   */
  set(name: string, value: Uint8Array, onlyFor: FunctionName | undefined): Promise<void> {
    return this.change(`store the secret ${name}`, async () => {
      this.check(name, value, onlyFor);
      const secret: Secret = { name, value: Buffer.from(value), function: onlyFor, setAt: Date.now() };
      await writeFileAtomic(join(this.directory, name), encodeSecret(secret));
      this.secrets.set(name, secret);
    });
  }

  /** Removes a secret. Running replicas keep it until they end. @throws DcfError NOT_FOUND when it does not exist */
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
      const message = `the secret ${name} is only for the function ${before.function}: set it with --function ${before.function}, or delete it first`;
      throw new DcfError('FAILED_PRECONDITION', message);
    }
    if (before === undefined && this.secrets.size >= maxSecrets) {
      throw new DcfError('RESOURCE_EXHAUSTED', `there are ${maxSecrets} secrets, and no more are allowed: delete one first`);
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

  /** Loads one secret. When it is damaged, only the functions that name it fail. */
  private async loadOne(name: string, path: string): Promise<void> {
    try {
      const secret = decodeSecret(name, await readFile(path, 'utf8'));
      if (secret === undefined) this.damaged.push(`${path} is damaged`);
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
