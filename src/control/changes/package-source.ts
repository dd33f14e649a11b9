import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { PackageFile } from '@dcf/sdk/contract';
import type { Manifest } from '@dcf/sdk/manifest';
import { checkPackagePath, type FunctionPackage, packFunction, readBlob, stopBundler } from '@dcf/sdk/package';
import { DcfError, messageOf } from '../../core/errors.js';
import { isFunctionName, isRevisionId } from '../../core/names.js';
import { TaskQueue } from '../../core/task-queue.js';
import { aliased } from '../../registry/model/release.js';
import type { Registry } from '../../registry/registry.js';
import type { Chunk } from './upload.js';

/** A package that is on this machine. */
export interface LocalPackage {
  manifest: Manifest;
  files: readonly PackageFile[];
  /** Reads the blobs with these digests, one after the other. */
  read: (digests: readonly string[]) => AsyncIterable<Chunk>;
}

/** Finds packages by the name that the original DCF calls an image: `NAME@REVISION`, or a folder in the daemon's folder of packages. */
export class PackageSource {
  private readonly packing = new TaskQueue();

  private constructor(
    private readonly registry: Registry,
    /** The folder of packages, as an absolute path without symbolic links; `undefined` if there is none. */
    private readonly root: string | undefined,
  ) {}

  /**
   * Opens the folder of packages.
   *
   * @param directory - its path; `undefined` for none
   * @throws DcfError FAILED_PRECONDITION when the folder cannot be used
   */
  static async open(registry: Registry, directory: string | undefined): Promise<PackageSource> {
    try {
      return new PackageSource(registry, directory === undefined ? undefined : await realpath(directory));
    } catch (error) {
      throw new DcfError('FAILED_PRECONDITION', `the folder of packages ${directory} cannot be used (--packages DIR): ${messageOf(error)}`);
    }
  }

  /** Finds the package of an image. @throws DcfError INVALID_ARGUMENT when there is none, or the folder is not that of a function */
  async find(image: string): Promise<LocalPackage> {
    const [name, version] = image.split('@', 2);
    return version === undefined ? this.pack(image) : this.stored(image, name ?? '', version);
  }

  private stored(image: string, name: string, version: string): LocalPackage {
    const record = isFunctionName(name) ? this.registry.get(name) : undefined;
    const id = record === undefined || isRevisionId(version) ? version : aliased(record, version);
    const revision = record?.revisions.find((kept) => kept.id === id);
    if (revision === undefined) throw this.refusal(image, 'there is no such revision');
    const { manifest, files } = revision;
    // The blobs of a revision are stored already, so none of them is missing.
    return { manifest, files: [...files], read: nothing };
  }

  private async pack(image: string): Promise<LocalPackage> {
    const { root } = this;
    if (root === undefined) throw this.refusal(image, 'this daemon was started without --packages DIR');
    const path = image.replace(/\/+$/, '');
    const problem = checkPackagePath(path);
    if (problem !== undefined) throw this.refusal(image, `the path ${problem}`);
    // One at a time, as ending the bundler would also end bundles of other folders.
    const { manifest, files } = await this.packing.run(async () => {
      try {
        return await packFunction(join(root, path), { shown: path, within: root });
      } finally {
        await stopBundler();
      }
    });
    return { manifest, files: files.map(describeFile), read: (digests) => readFiles(files, digests) };
  }

  private refusal(image: string, problem: string): DcfError {
    const shown = JSON.stringify(image.length > 200 ? `${image.slice(0, 200)}…` : image);
    const folder = this.root === undefined ? '' : ', or a folder below its --packages DIR';
    return new DcfError('INVALID_ARGUMENT', `Image ${shown}: ${problem}; give NAME@REVISION of a function on this daemon${folder}`);
  }
}

function describeFile({ path, mode, size, sha256 }: FunctionPackage['files'][number]): PackageFile {
  return { path, mode, size, sha256 };
}

async function* nothing(): AsyncIterable<Chunk> {}

async function* readFiles(files: FunctionPackage['files'], digests: readonly string[]): AsyncIterable<Chunk> {
  for (const sha256 of digests) {
    const file = files.find((candidate) => candidate.sha256 === sha256);
    if (file !== undefined) for await (const data of readBlob(file)) yield { sha256, data };
  }
}
