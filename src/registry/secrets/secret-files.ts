import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { removeIfEmpty, unfinished } from '../disk/atomic-file.js';
import type { Revision } from '../model/revision.js';

let folders = 0;

function secretFilesDirectory(dataDirectory: string): string {
  return join(dataDirectory, 'run', 'secrets');
}

/** Removes the files that an earlier daemon has left. */
export async function removeStaleSecretFiles(dataDirectory: string): Promise<void> {
  await rm(secretFilesDirectory(dataDirectory), { recursive: true, force: true });
}

/** The files with secrets for the replicas of one pool. They are in a folder of the pool, which exists only while there is a file. */
export class SecretFiles {
  /** Absolute path of the folder; it is made with the first file. */
  readonly directory: string;

  constructor(dataDirectory: string, { name, id }: Pick<Revision, 'name' | 'id'>) {
    folders += 1;
    // Numbered, because a revision may be started again while its earlier replicas still finish their calls.
    this.directory = join(secretFilesDirectory(dataDirectory), name, `${id}.${folders}`);
  }

  /** Absolute path of the file of a secret, whether it is written or not. */
  path(name: string): string {
    return join(this.directory, name);
  }

  /** Writes a file, completely or not at all. It is synchronous, because a replica that needs the file starts next. */
  write(name: string, value: Uint8Array): void {
    const path = this.path(name);
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    rmSync(`${path}${unfinished}`, { force: true });
    writeFileSync(`${path}${unfinished}`, value, { mode: 0o600, flag: 'wx' });
    renameSync(`${path}${unfinished}`, path);
  }

  async remove(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
    await removeIfEmpty(dirname(this.directory));
  }
}
