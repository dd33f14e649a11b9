import type { Manifest } from '../manifest/schema.js';
import type { Digest } from '../names.js';

/** Where a file's bytes are: on disk, or made while packing (the bundled handler). */
export type FileSource = { kind: 'disk'; path: string } | { kind: 'memory'; bytes: Uint8Array };

/** The mode of a folder that has nothing in it: such a folder is sent as a file without bytes. */
export const emptyFolderMode = 0o40755;

/** Whether a mode is that of a folder, https://man7.org/linux/man-pages/man7/inode.7.html. */
export function isFolderMode(mode: number): boolean {
  return (mode & 0o170000) === 0o40000;
}

/** One file of a package, or a folder with nothing in it. */
export interface PackedFile {
  /** Relative to the folder, with forward slashes. */
  path: string;
  /** 0o755 or 0o644, or `emptyFolderMode`. */
  mode: number;
  /** Bytes. */
  size: number;
  sha256: Digest;
  source: FileSource;
}

/** A function that is ready to be sent: its manifest and its files, but no archive. */
export interface FunctionPackage {
  manifest: Manifest;
  files: readonly PackedFile[];
}
