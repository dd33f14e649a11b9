import { extname, join } from 'node:path';
import { DcfError } from '../errors.js';
import { languageOf } from '../languages.js';
import type { Override } from '../manifest/overrides.js';
import { parseManifestYaml } from '../manifest/parse.js';
import type { Manifest } from '../manifest/schema.js';
import { bundleHandler } from './bundle/bundle.js';
import { readDependencies } from './bundle/dependencies.js';
import { digestFiles, packBytes, packEmptyFolder } from './digest.js';
import { foldersAbove, kindOf, type LeftOut, listFiles, tooManyFiles } from './folder/files.js';
import { type Folder, type FolderOptions, openFolder, readEntries, readTextFile, refuse } from './folder/folder.js';
import { bundleMapName, bundleName, checkPackagePath, findCollision, maximumFiles } from './folder/paths.js';
import { findLocalResources, type LocalResource, tidyPath } from './folder/resources.js';
import type { FunctionPackage, PackedFile } from './types.js';

const manifestName = 'function.yaml';
const typeScriptExtensions = ['.ts', '.mts', '.cts', '.tsx'];

/** Options for packing a folder. */
export interface PackOptions extends FolderOptions {
  /** Changes of the manifest, as by `--set`. @default none */
  overrides?: readonly Override[];
}

/**
 * Packs a function's folder: reads its manifest, bundles a Node handler into `handler.mjs`, and lists every file that will be sent, with its
 * size and SHA-256. Files on disk are read when they are sent, so a package with large weights needs little memory. The same folder always
 * gives the same package.
 *
 * @param directory - the folder with function.yaml
 * @throws DcfError INVALID_ARGUMENT when something in the folder is wrong: the file, the problem, and what to do
 */
export async function packFunction(directory: string, options: PackOptions = {}): Promise<FunctionPackage> {
  return (await explainPackage(directory, options)).packed;
}

/** A package, and what was left out of it. */
export interface ExplainedPackage {
  readonly packed: FunctionPackage;
  readonly leftOut: readonly LeftOut[];
}

/** Packs as `packFunction` does, and also returns what is left out and why. */
export async function explainPackage(directory: string, options: PackOptions = {}): Promise<ExplainedPackage> {
  const folder = await openFolder(directory, options);
  const manifest = await readManifest(folder, options.overrides ?? []);
  const handler = { ...manifest.handler, path: await checkSource(folder, manifest, 'handler', manifest.handler.path) };
  const resources = await findLocalResources(folder, manifest.resources);
  const dependencies = await readDependencies(folder);
  const { files: listed, emptyFolders, leftOut } = await listFiles(folder);
  const contents = {
    wanted: [manifestName, ...dependencies.files, ...resources.flatMap((resource) => resource.files)],
    emptyFolders: [...emptyFolders, ...resources.flatMap((resource) => resource.emptyFolders)],
    resources,
  };
  if (!languageOf(manifest.runtime).bundled) {
    const { initializer } = manifest;
    const others = initializer === undefined ? [] : [await checkSource(folder, manifest, 'initializer', initializer.path)];
    const wanted = [...contents.wanted, handler.path, ...others];
    return explain({ manifest, files: await digestAll(folder, listed, { ...contents, wanted }, []) }, leftOut);
  }
  const bundle = await bundleHandler(folder, handler, dependencies.names);
  const replaced = new Set(listed.filter((path) => isReplaced(folder, path, bundle.inputs, handler.path)));
  const bundled = bundle.files.map(({ path, bytes }) => packBytes(path, bytes));
  const keep = listed.filter((path) => !replaced.has(path));
  const files = await digestAll(folder, keep, contents, bundled);
  const inBundle = [...replaced].map((path) => ({ path, reason: `its code is in ${bundleName}` }));
  return explain({ manifest: withHandler(manifest, handler.name), files }, [...leftOut, ...inBundle]);
}

/** A file that a rule leaves out, but the manifest names, is in the package. */
function explain(packed: FunctionPackage, leftOut: readonly LeftOut[]): ExplainedPackage {
  const sent = new Set(packed.files.map((file) => file.path));
  return { packed, leftOut: leftOut.filter(({ path }) => !sent.has(path)).sort((a, b) => (a.path < b.path ? -1 : 1)) };
}

async function readManifest(folder: Folder, overrides: readonly Override[]): Promise<Manifest> {
  const shown = join(folder.shown, manifestName);
  const text = await readTextFile(folder, manifestName);
  if (text !== undefined) return parseManifestYaml(text, shown, overrides);
  const nearby = await functionsIn(folder);
  const advice = nearby.length === 0 ? '"dcf init NAME" makes a folder with one' : `give the folder of a function: ${nearby.join(', ')}`;
  throw new DcfError('INVALID_ARGUMENT', `${shown}: there is no such file; ${advice}`);
}

/** The first five functions' folders in a folder, in the form in which the user would write them. */
async function functionsIn(folder: Folder): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readEntries(folder, '')) {
    if (!entry.isDirectory() || found.length === 5) continue;
    if ((await kindOf(folder, `${entry.name}/${manifestName}`).catch(() => undefined)) === 'file')
      found.push(join(folder.shown, entry.name));
  }
  return found;
}

/** Checks a source file that a key of the manifest names. Returns its path in tidy form. */
async function checkSource(folder: Folder, { runtime }: Manifest, key: string, given: string): Promise<string> {
  const path = tidyPath(given);
  const shown = `${key}: ${JSON.stringify(path)}`;
  const problem = checkPackagePath(path);
  if (problem !== undefined) throw refuse(folder, `${manifestName}:`, `${shown} ${problem}`);
  const { extensions } = languageOf(runtime);
  if (!extensions.includes(extname(path))) {
    const advice = `the runtime is ${runtime}, so it must end in ${extensions.join(', ')}`;
    throw refuse(folder, `${manifestName}:`, `${shown}: ${advice}`);
  }
  const kind = await kindOf(folder, path);
  if (kind === 'file') return path;
  const found = kind === undefined ? `there is no such file in ${folder.shown}` : 'is a folder';
  throw refuse(folder, `${manifestName}:`, `${shown}: ${found}; create it, or name another file`);
}

/** Whether a file is not sent because the bundle replaces it: TypeScript that is in the bundle, and an older bundle. */
function isReplaced(folder: Folder, path: string, inputs: ReadonlySet<string>, handlerPath: string): boolean {
  if (path === bundleMapName) return true;
  if (path === bundleName && !inputs.has(path)) {
    throw refuse(folder, path, `has the name that the bundle of ${handlerPath} gets: rename it, or list it in .dcfignore`);
  }
  return path === bundleName || (inputs.has(path) && typeScriptExtensions.includes(extname(path)));
}

/** The manifest with the bundle as its handler. */
function withHandler(manifest: Manifest, name: string): Manifest {
  return { ...manifest, given: { ...manifest.given, handler: `${bundleName}#${name}` }, handler: { path: bundleName, name } };
}

/** The content of a package besides the files that were listed. */
interface Contents {
  /** Files that are sent even if .dcfignore lists them. */
  readonly wanted: readonly string[];
  readonly emptyFolders: readonly string[];
  readonly resources: readonly LocalResource[];
}

/** The files on disk, the ones in memory and the empty folders as one sorted list, without doubles. */
async function digestAll(
  folder: Folder,
  listed: readonly string[],
  { wanted, emptyFolders, resources }: Contents,
  made: readonly PackedFile[],
): Promise<PackedFile[]> {
  const names = new Set(made.map((file) => file.path));
  const onDisk = [...new Set([...listed, ...wanted])].filter((path) => !names.has(path));
  // A folder whose listed content was all left out may still have files that the manifest names: it is not empty then.
  const used = new Set([...onDisk, ...emptyFolders].flatMap(foldersAbove));
  const empty = [...new Set(emptyFolders)].filter((path) => !used.has(path));
  if (onDisk.length + made.length + empty.length > maximumFiles) throw tooManyFiles(folder);
  const collision = findCollision([...names, ...onDisk, ...empty]);
  if (collision !== undefined) {
    const [first, second] = collision;
    throw refuse(folder, first, `and ${second} differ only in case or Unicode form, so not every system can hold both: rename one`);
  }
  const files = [...(await digestFiles(folder, onDisk)), ...made, ...empty.map(packEmptyFolder)];
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  checkDigests(folder, resources, files);
  return files;
}

function checkDigests(folder: Folder, resources: readonly LocalResource[], files: readonly PackedFile[]): void {
  for (const { name, path, sha256 } of resources) {
    const file = files.find((candidate) => candidate.path === path);
    if (sha256 === undefined || file === undefined || file.sha256 === sha256) continue;
    throw refuse(folder, path, `has the SHA-256 ${file.sha256}, but function.yaml wants ${sha256} for resources.${name}`);
  }
}
