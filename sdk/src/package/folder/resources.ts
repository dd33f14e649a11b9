import { posix } from 'node:path';
import type { Manifest } from '../../manifest/schema.js';
import { kindOf, listFiles } from './files.js';
import { type Folder, refuse } from './folder.js';
import { checkPackagePath } from './paths.js';

type GivenResource = Manifest['resources'][string];

/** Where a resource is: a file or folder of the package, or an address from which the daemon downloads it. */
export type ResourceLocation = { kind: 'path'; path: string } | { kind: 'url'; url: string };

/** Where a resource of a manifest is. A path is relative to the folder, without `./` and without a slash at the end. */
export function locateResource(resource: GivenResource): ResourceLocation {
  const source = typeof resource === 'string' ? resource : resource.source;
  if (/^https:\/\//i.test(source)) return { kind: 'url', url: source };
  return { kind: 'path', path: tidyPath(source) };
}

/** The tidy form of a path, the only one in a package: `./a/b/`, `a//b` and `c/../a/b` become `a/b`. */
export function tidyPath(path: string): string {
  return path === '' ? '' : posix.normalize(path).replace(/(?<=[^/])\/+$/, '');
}

/** A resource that is sent with the package, and its files. */
export interface LocalResource {
  readonly name: string;
  readonly kind: 'file' | 'folder';
  readonly path: string;
  /** The SHA-256 in the manifest. */
  readonly sha256: string | undefined;
  readonly files: readonly string[];
  readonly emptyFolders: readonly string[];
}

/**
 * Finds the resources that are files or folders of the function's own folder. They are sent even if a .dcfignore above them lists them.
 *
 * @throws DcfError INVALID_ARGUMENT for a resource that is missing, outside of the folder, or a link
 */
export async function findLocalResources(folder: Folder, resources: Manifest['resources']): Promise<LocalResource[]> {
  const found: LocalResource[] = [];
  for (const [name, resource] of Object.entries(resources)) {
    const location = locateResource(resource);
    if (location.kind === 'url') continue;
    found.push(await findLocalResource(folder, name, location.path, typeof resource === 'string' ? undefined : resource.sha256));
  }
  return found;
}

async function findLocalResource(folder: Folder, name: string, path: string, sha256: string | undefined): Promise<LocalResource> {
  const shown = `resources.${name}: ${JSON.stringify(path)}`;
  const problem = checkPackagePath(path);
  if (problem !== undefined) throw refuse(folder, 'function.yaml:', `${shown} ${problem}`);
  const kind = await kindOf(folder, path);
  if (kind === undefined) throw refuse(folder, 'function.yaml:', `${shown}: no such file or folder in ${folder.shown}`);
  if (kind === 'folder' && sha256 !== undefined) {
    throw refuse(folder, 'function.yaml:', `${shown} is a folder, but sha256 is allowed only for a file: leave it out`);
  }
  const { files, emptyFolders } = kind === 'file' ? { files: [path], emptyFolders: [] } : await listFiles(folder, path);
  if (files.length === 0) throw refuse(folder, 'function.yaml:', `${shown} is an empty folder, or .dcfignore leaves all of its files out`);
  return { name, kind, path, sha256, files, emptyFolders };
}
