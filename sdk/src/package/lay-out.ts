import { chmod, copyFile, link, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type FunctionPackage, isFolderMode, type PackedFile } from './types.js';

/** Larger files are linked and not copied: weights may be larger than the disk that holds temporary files. */
const copyLimit = 2 ** 20;

/** Lays a package out in a folder as a daemon lays out a revision, without what it depends on. */
export async function layOutFiles(packed: FunctionPackage, directory: string): Promise<void> {
  for (const file of packed.files) await place(file, join(directory, file.path));
}

async function place(file: PackedFile, target: string): Promise<void> {
  const { source } = file;
  await mkdir(isFolderMode(file.mode) ? target : dirname(target), { recursive: true });
  if (isFolderMode(file.mode)) return;
  if (source.kind === 'memory') await writeFile(target, source.bytes, { mode: file.mode });
  else if (file.size <= copyLimit) await copyFile(source.path, target).then(() => chmod(target, file.mode));
  else await link(source.path, target).catch(() => symlink(source.path, target));
}
