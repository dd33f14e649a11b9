import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { removeIfEmpty, unfinished } from '../disk/atomic-file.js';
import type { Revision } from '../model/revision.js';

let folders = 0;

function secretFilesDirectory(dataDirectory: string): string {
  return join(dataDirectory, 'run', 'secrets');
}

/** Removes the files that a daemon before has left. */
export async function removeStaleSecretFiles(dataDirectory: string): Promise<void> {
  await rm(secretFilesDirectory(dataDirectory), { recursive: true, force: true });
}

/** The files with secrets for the replicas of one pool, in a folder of its own, which is there only while there is a file. */
export class SecretFiles {
  /** Absolute; it is there once a file is. */
  readonly directory: string;

  constructor(dataDirectory: string, { name, id }: Pick<Revision, 'name' | 'id'>) {
    folders += 1;
    // A revision may be started anew while its replicas from before still finish their calls.
    this.directory = join(secretFilesDirectory(dataDirectory), name, `${id}.${folders}`);
  }

  /** Where the file of a secret is, once it is written; absolute. */
  path(name: string): string {
    return join(this.directory, name);
  }

  /**
   * Writes a file: all of it, or none. It is there when this returns, because a replica that needs it is about to start.
   */
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
