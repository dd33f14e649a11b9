import { createHash } from 'node:crypto';
import type { GivenManifest, Manifest } from '@dcf/sdk/manifest';
import { isFolderMode } from '@dcf/sdk/package';
import { type Digest, type FunctionName, isRevisionId, type RevisionId } from '../../core/names.js';

/** A checked file of a package. */
export interface RevisionFile {
  /** Relative, with forward slashes; safe to join to a folder. */
  readonly path: string;
  /** 0o755 or 0o644; `emptyFolderMode` for an empty folder, which is listed as a file without bytes. */
  readonly mode: number;
  /** Number of bytes. */
  readonly size: number;
  readonly sha256: Digest;
}

/** One immutable package of a function. */
export interface Revision {
  readonly name: FunctionName;
  readonly id: RevisionId;
  /** Unix milliseconds. */
  readonly createdAt: number;
  readonly manifest: Manifest;
  /** Sorted by path. */
  readonly files: readonly RevisionFile[];
  /** Absolute path of its folder, which exists once it is materialized. */
  readonly directory: string;
}

/** The files of a revision without the empty folders. */
export function withBytes(files: readonly RevisionFile[]): readonly RevisionFile[] {
  return files.filter((file) => !isFolderMode(file.mode));
}

/** Bytes of all files of a revision. */
export function sizeOf(files: readonly RevisionFile[]): number {
  return files.reduce((sum, file) => sum + file.size, 0);
}

/** The id of a package: the first 16 hexadecimal digits of the SHA-256 of its manifest and its list of files. */
export function revisionIdOf(given: GivenManifest, files: readonly RevisionFile[]): RevisionId {
  const content = files.map(({ path, mode, size, sha256 }) => ({ path, mode, size, sha256 }));
  const digest = createHash('sha256')
    .update(canonicalJson({ given, files: content }))
    .digest('hex');
  const id = digest.slice(0, 16);
  if (!isRevisionId(id)) throw new TypeError(`SHA-256 gave ${digest}`);
  return id;
}

/** JSON in which equal values give equal text: the keys are sorted, https://www.rfc-editor.org/rfc/rfc8785. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonicalJson(inner)}`).join(',')}}`;
}
