import { constants } from 'node:fs';
import { chmod, copyFile, link, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type FunctionPackage, isFolderMode, type PackedFile } from './types.js';

/** Bytes of the largest file that is always copied: larger ones are hard links where they lie on the same file system, and copies elsewhere. */
export const largestCopy = 2 ** 20;

/** Lays a package out in a folder as a daemon lays out a revision, without what it depends on. */
export async function layOutFiles(packed: FunctionPackage, directory: string): Promise<void> {
  for (const file of packed.files) await place(file, join(directory, file.path));
}

async function place(file: PackedFile, target: string): Promise<void> {
  const { source } = file;
  await mkdir(isFolderMode(file.mode) ? target : dirname(target), { recursive: true });
  if (isFolderMode(file.mode)) return;
  if (source.kind === 'memory') await writeFile(target, source.bytes, { mode: file.mode });
  else if (file.size <= largestCopy) await copyFile(source.path, target).then(() => chmod(target, file.mode));
  else await linkOrCopy(source.path, target, file.mode);
}

/** A symbolic link would lead out of the folder, which ONNX Runtime refuses for the files beside a model. */
async function linkOrCopy(path: string, target: string, mode: number): Promise<void> {
  try {
    await link(path, target);
  } catch {
    await copyFile(path, target, constants.COPYFILE_FICLONE);
    await chmod(target, mode);
  }
}
