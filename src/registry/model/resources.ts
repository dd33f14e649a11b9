import { join } from 'node:path';
import type { Manifest } from '@dcf/sdk/manifest';
import { locateResource } from '@dcf/sdk/package';
import { DcfError } from '../../core/errors.js';
import { type Digest, isDigest } from '../../core/names.js';

/** Where downloaded resources lie in a revision's folder. A package that has any may have no file of its own there. */
export const remoteFolder = '.dcf';

/** A resource that the daemon downloads. */
export interface RemoteResource {
  readonly name: string;
  readonly url: string;
  readonly digest: Digest;
  /** Where it lies in the revision's folder: relative, with forward slashes. */
  readonly path: string;
}

/**
 * Where each resource of a function lies in its revision's folder, by name: a file or a folder, relative, with forward slashes.
 *
 * @throws DcfError FAILED_PRECONDITION for a resource that this daemon cannot get
 */
export function resourcePaths(manifest: Manifest): ReadonlyMap<string, string> {
  const remote = remoteResources(manifest).map(({ name, path }) => [name, path] as const);
  return new Map([...localResourcePaths(manifest), ...remote]);
}

/**
 * Where each resource that came with the package lies inside it, by name.
 *
 * @throws DcfError FAILED_PRECONDITION for a resource that is to be unpacked
 */
export function localResourcePaths(manifest: Manifest): ReadonlyMap<string, string> {
  const paths = new Map<string, string>();
  for (const [name, resource] of Object.entries(manifest.resources)) {
    refuseUnpack(name, resource);
    const location = locateResource(resource);
    if (location.kind === 'path') paths.set(name, location.path);
  }
  return paths;
}

/**
 * The resources that are downloaded.
 *
 * @throws DcfError FAILED_PRECONDITION for one that has no digest or is to be unpacked
 */
export function remoteResources(manifest: Manifest): readonly RemoteResource[] {
  return Object.entries(manifest.resources).flatMap(([name, resource]) => {
    refuseUnpack(name, resource);
    const location = locateResource(resource);
    if (location.kind === 'path') return [];
    const digest = typeof resource === 'string' ? undefined : resource.sha256;
    if (digest === undefined || !isDigest(digest)) {
      throw new DcfError('FAILED_PRECONDITION', `resources.${name}: what is downloaded has to have a sha256`);
    }
    return [{ name, url: location.url, digest, path: `${remoteFolder}/${name}/${fileNameOf(location.url)}` }];
  });
}

/** Whether a file of the package is a resource, or lies in a folder that is one. */
export function isResourceFile(path: string, resources: ReadonlyMap<string, string>): boolean {
  for (const resource of resources.values()) {
    if (path === resource || path.startsWith(`${resource}/`)) return true;
  }
  return false;
}

/**
 * What a Handler gets as `context.resources`: the absolute path of each resource, by name.
 *
 * @param revisionDirectory - where the package's files are
 * @throws DcfError FAILED_PRECONDITION for a resource that this daemon cannot get
 */
export function resolveResources(manifest: Manifest, revisionDirectory: string): Record<string, string> {
  const paths = [...resourcePaths(manifest)];
  return Object.fromEntries(paths.map(([name, path]) => [name, join(revisionDirectory, path)]));
}

function refuseUnpack(name: string, resource: Manifest['resources'][string]): void {
  if (typeof resource === 'string' || !resource.unpack) return;
  throw new DcfError(
    'FAILED_PRECONDITION',
    `resources.${name}: unpack is not supported yet by this daemon; put the unpacked folder into the function's folder`,
  );
}

/** The last part of a URL's path, where it is a plain name: what reads the file may go by its ending. */
function fileNameOf(url: string): string {
  const name = new URL(url).pathname.split('/').at(-1) ?? '';
  return /^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/.test(name) ? name : 'resource';
}
