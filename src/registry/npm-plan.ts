import { checkPackagePath } from '@dcf/sdk/package';
import { DcfError, messageOf } from '../core/errors.js';
import { type DependencyPlan, digestOf, readIfThere, refuse, textOf } from './dependency-plan.js';
import { isRecord } from './json.js';
import { runNpmCi } from './npm.js';

/** What of package.json npm installs by. Scripts are left out: those of the function itself are not for the daemon to run. */
const dependencyFields = [
  'name',
  'version',
  'dependencies',
  'devDependencies',
  'optionalDependencies',
  'peerDependencies',
  'peerDependenciesMeta',
  'bundleDependencies',
  'overrides',
];
/** Where Node looks for packages. */
export const modulesLink = 'node_modules';
const lockFiles = ['npm-shrinkwrap.json', 'package-lock.json'];

/**
 * What a revision with a package.json wants installed; `undefined` when that is nothing.
 *
 * @throws DcfError FAILED_PRECONDITION when package.json or the lock file cannot be installed from
 */
export async function planPackages(revisionDirectory: string): Promise<DependencyPlan | undefined> {
  const wanted = await readJson(revisionDirectory, 'package.json');
  if (wanted === undefined || !hasDependencies(wanted)) return undefined;
  const files = new Map<string, Uint8Array>();
  const kept = Object.fromEntries(dependencyFields.filter((field) => Object.hasOwn(wanted, field)).map((field) => [field, wanted[field]]));
  files.set('package.json', Buffer.from(JSON.stringify(kept)));
  const lockFile = await findLockFile(revisionDirectory);
  for (const name of [lockFile, '.npmrc']) await take(revisionDirectory, name, files);
  for (const path of localArchives((await readJson(revisionDirectory, lockFile)) ?? {}, lockFile))
    await take(revisionDirectory, path, files);
  return { digest: digestOf(process.versions.modules, files), files, folder: 'node_modules', link: modulesLink, install: runNpmCi };
}

function hasDependencies(content: Readonly<Record<string, unknown>>): boolean {
  return ['dependencies', 'optionalDependencies'].some((field) => {
    const named = content[field];
    return typeof named === 'object' && named !== null && Object.keys(named).length > 0;
  });
}

async function findLockFile(directory: string): Promise<string> {
  for (const name of lockFiles) {
    if ((await readIfThere(directory, name)) !== undefined) return name;
  }
  throw refuse('package.json names dependencies, but the package has no package-lock.json; run: npm install --package-lock-only');
}

async function take(directory: string, path: string, files: Map<string, Uint8Array>): Promise<void> {
  const bytes = await readIfThere(directory, path);
  if (bytes !== undefined) files.set(path, bytes);
}

/** The archives of the package that are to be installed: `"resolved": "file:vendor/thing-1.0.0.tgz"`. */
function localArchives(lock: Readonly<Record<string, unknown>>, lockFile: string): string[] {
  const packages = isRecord(lock['packages']) ? lock['packages'] : {};
  return Object.entries(packages).flatMap(([name, entry]) => {
    if (!isRecord(entry)) return [];
    if (entry['link'] === true) {
      throw refuse(`${lockFile}: ${name} is a link to a folder, which cannot be installed; name the archive that "npm pack" makes of it`);
    }
    const resolved = entry['resolved'];
    if (typeof resolved !== 'string' || !resolved.startsWith('file:')) return [];
    const path = resolved.slice('file:'.length);
    const problem = checkPackagePath(path);
    if (problem !== undefined) throw refuse(`${lockFile}: ${name} is to be installed from ${JSON.stringify(path)}, which ${problem}`);
    return [path];
  });
}

async function readJson(directory: string, name: string): Promise<Record<string, unknown> | undefined> {
  const bytes = await readIfThere(directory, name);
  if (bytes === undefined) return undefined;
  let content: unknown;
  try {
    content = JSON.parse(textOf(bytes, name));
  } catch (error) {
    if (DcfError.is(error)) throw error;
    throw refuse(`${name} is not valid JSON: ${messageOf(error)}`);
  }
  if (isRecord(content)) return content;
  throw refuse(`${name} is no JSON object`);
}
