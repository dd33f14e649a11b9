import { join } from 'node:path';
import type { Manifest } from '@dcf/sdk/manifest';
import { locateResource } from '@dcf/sdk/package';
import { DcfError } from '../../core/errors.js';
import { type Digest, isDigest } from '../../core/names.js';

/** The folder for downloaded resources in a revision's folder. A package with such resources must not have files there. */
export const remoteFolder = '.dcf';

/** A resource that the daemon downloads. */
export interface RemoteResource {
  readonly name: string;
  readonly url: string;
  readonly digest: Digest;
  /** Its path in the revision's folder: relative, with forward slashes. */
  readonly path: string;
}

/**
 * The paths of all resources in a revision's folder, by name. Each is a file or a folder, relative, with forward slashes.
 *
 * @throws DcfError FAILED_PRECONDITION for a resource that this daemon does not support
 */
export function resourcePaths(manifest: Manifest): ReadonlyMap<string, string> {
  const remote = remoteResources(manifest).map(({ name, path }) => [name, path] as const);
  return new Map([...localResourcePaths(manifest), ...remote]);
}

/**
 * The paths of the resources that came with the package, inside it, by name.
 *
 * @throws DcfError FAILED_PRECONDITION for a resource with `unpack`
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
 * @throws DcfError FAILED_PRECONDITION for a resource without a digest, or with `unpack`
 */
export function remoteResources(manifest: Manifest): readonly RemoteResource[] {
  return Object.entries(manifest.resources).flatMap(([name, resource]) => {
    refuseUnpack(name, resource);
    const location = locateResource(resource);
    if (location.kind === 'path') return [];
    const digest = typeof resource === 'string' ? undefined : resource.sha256;
    if (digest === undefined || !isDigest(digest)) {
      throw new DcfError('FAILED_PRECONDITION', `resources.${name}: a resource that is downloaded needs a sha256`);
    }
    return [{ name, url: location.url, digest, path: `${remoteFolder}/${name}/${fileNameOf(location.url)}` }];
  });
}

/** Whether a file of the package is a resource, or is in a folder that is one. */
export function isResourceFile(path: string, resources: ReadonlyMap<string, string>): boolean {
  for (const resource of resources.values()) {
    if (path === resource || path.startsWith(`${resource}/`)) return true;
  }
  return false;
}

/**
 * Makes a Handler's `context.resources`: the absolute path of each resource, by name.
 *
 * @param revisionDirectory - the folder with the package's files
 * @throws DcfError FAILED_PRECONDITION for a resource that this daemon does not support
 */
export function resolveResources(manifest: Manifest, revisionDirectory: string): Record<string, string> {
  const paths = [...resourcePaths(manifest)];
  return Object.fromEntries(paths.map(([name, path]) => [name, join(revisionDirectory, path)]));
}

function refuseUnpack(name: string, resource: Manifest['resources'][string]): void {
  if (typeof resource === 'string' || !resource.unpack) return;
  throw new DcfError(
    'FAILED_PRECONDITION',
    `resources.${name}: this daemon does not support unpack; put the unpacked folder into the function's folder`,
  );
}

/** The last part of a URL's path if it is a plain name, because a program may look at the file's ending; otherwise `resource`. */
function fileNameOf(url: string): string {
  const name = new URL(url).pathname.split('/').at(-1) ?? '';
  return /^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/.test(name) ? name : 'resource';
}
