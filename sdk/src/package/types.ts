import type { Manifest } from '../manifest/schema.js';
import type { Digest } from '../names.js';

/** Where the bytes of a file are: on disk, or in memory if they were made while packing, as the handler's bundle. */
export type FileSource = { kind: 'disk'; path: string } | { kind: 'memory'; bytes: Uint8Array };

/** The mode of an empty folder, which is sent as a file without bytes. */
export const emptyFolderMode = 0o40755;

/** Whether a mode is that of a folder, https://man7.org/linux/man-pages/man7/inode.7.html. */
export function isFolderMode(mode: number): boolean {
  return (mode & 0o170000) === 0o40000;
}

/** One file of a package, or an empty folder. */
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

/** A function that is ready to be sent: its manifest, and the list of its files. */
export interface FunctionPackage {
  manifest: Manifest;
  files: readonly PackedFile[];
}
