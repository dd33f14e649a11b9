import { constants } from 'node:fs';
import { chmod, copyFile, link, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type FunctionPackage, isFolderMode, type PackedFile } from './types.js';

/** Files up to this many bytes are copied. Larger files become hard links if they are on the same file system, and copies otherwise. */
export const largestCopy = 2 ** 20;

/** Writes the files of a package into a folder, as a daemon does for a revision, but without its dependencies. */
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

/** Makes a hard link, or else a copy. Symbolic links are not possible: ONNX Runtime refuses them for the files beside a model. */
async function linkOrCopy(path: string, target: string, mode: number): Promise<void> {
  try {
    await link(path, target);
  } catch {
    await copyFile(path, target, constants.COPYFILE_FICLONE);
    await chmod(target, mode);
  }
}
