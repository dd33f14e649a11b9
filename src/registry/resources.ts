import { join } from 'node:path';
import type { Manifest } from '@dcf/sdk/manifest';
import { locateResource } from '@dcf/sdk/package';
import { DcfError } from '../core/errors.js';

/**
 * Where each resource of a function lies inside its package, by name: a file or a folder, relative, with forward slashes.
 *
 * @throws DcfError FAILED_PRECONDITION for a resource that this daemon cannot get
 */
export function resourcePaths(manifest: Manifest): ReadonlyMap<string, string> {
  const paths = new Map<string, string>();
  for (const [name, resource] of Object.entries(manifest.resources)) {
    const location = locateResource(resource);
    if (location.kind === 'url') {
      throw new DcfError(
        'FAILED_PRECONDITION',
        `resources.${name} (${location.url}): resources over https are not supported yet by this daemon; put the file into the function's folder`,
      );
    }
    if (typeof resource !== 'string' && resource.unpack) {
      throw new DcfError(
        'FAILED_PRECONDITION',
        `resources.${name}: unpack is not supported yet by this daemon; put the unpacked folder into the function's folder`,
      );
    }
    paths.set(name, location.path);
  }
  return paths;
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
