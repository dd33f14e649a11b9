import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { PackageFile } from '@dcf/sdk/contract';
import { type Manifest, type ManifestInput, parseManifestJson } from '@dcf/sdk/manifest';
import { type Digest, type FunctionName, isDigest, isFunctionName } from '../../src/core/names.js';
import type { Revision, RevisionFile } from '../../src/registry/model/revision.js';
import type { FunctionRecord, Registry } from '../../src/registry/registry.js';

/** A package as a client would send it. */
export interface SamplePackage {
  manifest: Manifest;
  files: PackageFile[];
  contents: ReadonlyMap<string, Buffer>;
}

export function sha256(bytes: Uint8Array | string): Digest {
  const digest = createHash('sha256').update(bytes).digest('hex');
  assert.ok(isDigest(digest));
  return digest;
}

export function functionName(name: string): FunctionName {
  assert.ok(isFunctionName(name));
  return name;
}

export function manifestOf(given: ManifestInput): Manifest {
  return parseManifestJson(JSON.stringify(given));
}

/** A package of `files`, content by path; a handler is added. */
export function packageOf(given: ManifestInput, files: Readonly<Record<string, string | Buffer>> = {}): SamplePackage {
  const all = Object.entries({ 'handler.mjs': 'export class Handler {}', ...files }).map(
    ([path, text]) => [path, Buffer.from(text)] as const,
  );
  return {
    manifest: manifestOf({ handler: 'handler.mjs', ...given }),
    files: all.map(([path, bytes]) => ({ path, mode: 0o644, size: bytes.length, sha256: sha256(bytes) })),
    contents: new Map(all.map(([, bytes]) => [sha256(bytes), bytes])),
  };
}

export async function upload(registry: Registry, missing: readonly RevisionFile[], { contents }: SamplePackage): Promise<void> {
  for (const { sha256: digest, size } of missing) {
    const writer = await registry.blobs.writer(digest, size);
    await writer.write(contents.get(digest) ?? Buffer.alloc(0));
    await writer.finish();
  }
}

/** Everything of a deploy but the switch. */
export async function prepare(registry: Registry, sample: SamplePackage): Promise<Revision> {
  const { revision, missing } = await registry.createRevision(sample);
  await upload(registry, missing, sample);
  await registry.materialize(revision);
  return revision;
}

export async function deploy(registry: Registry, sample: SamplePackage): Promise<FunctionRecord> {
  const revision = await prepare(registry, sample);
  return await registry.activate(revision.name, revision.id);
}

/** Content by path of every file under a folder, sorted; a link is `-> target`. */
export async function readTree(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const content = await Promise.all(files.sort().map(async (file) => [relative(folder, file), await readFile(file, 'latin1')] as const));
  return Object.fromEntries(content);
}

/** Asserts that a revision's folder has exactly the files of its package. */
export async function assertLaidOut(directory: string, sample: SamplePackage): Promise<void> {
  const expected = sample.files.map(({ path, sha256: digest }) => [path, sample.contents.get(digest)?.toString('latin1')]);
  assert.deepEqual(await readTree(directory), Object.fromEntries(expected.sort()));
}

/** Asserts that nothing half-written is in a data directory. */
export async function assertNoLeftovers(dataDirectory: string): Promise<void> {
  const entries = await readdir(dataDirectory, { recursive: true });
  assert.deepEqual(
    entries.filter((entry) => /\.tmp|\.staging-/.test(entry)),
    [],
  );
}
