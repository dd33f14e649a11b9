import type { ParsedManifest } from '../manifest/parse.js';
import type { Digest } from '../names.js';

/** Where a file's bytes are: on disk, or made while packing (the bundled handler). */
export type FileSource = { kind: 'disk'; path: string } | { kind: 'memory'; bytes: Uint8Array };

/** One file of a package. */
export interface PackedFile {
  /** Relative to the folder, with forward slashes. */
  path: string;
  /** 0o755 or 0o644. */
  mode: number;
  /** Bytes. */
  size: number;
  sha256: Digest;
  source: FileSource;
}

/** A function that is ready to be sent: its manifest and its files, but no archive. */
export interface FunctionPackage {
  manifest: ParsedManifest;
  files: readonly PackedFile[];
}
