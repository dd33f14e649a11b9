import { checkPackagePath, lockFiles } from '@dcf/sdk/package';
import { satisfies } from 'semver';
import { DcfError, messageOf } from '../../core/errors.js';
import { isRecord } from '../../core/json.js';
import { packageVersion, platformPackages } from '../../core/platform-packages.js';
import { type DependencyPlan, planDigest, readIfThere, textOf } from '../shared/dependency-plan.js';
import { refuse } from '../shared/installer.js';
import { modulesLink, runNpmCi } from './npm.js';
import { pruneLock, withoutNames } from './npm-lock.js';

/** The fields of package.json that npm needs for an install. Scripts are left out: the daemon does not run the function's own. */
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
/** Fields whose packages a Handler may import. */
const installedFields = ['dependencies', 'optionalDependencies', 'peerDependencies'];

/**
 * Plans the install of the packages that a revision's package.json names; `undefined` when it names none. Packages that the platform
 * provides, and those for development, are left out.
 *
 * @throws DcfError FAILED_PRECONDITION when package.json or its lock file cannot be used, or there is no lock file
 */
export async function planPackages(revisionDirectory: string): Promise<DependencyPlan | undefined> {
  const wanted = await readJson(revisionDirectory, 'package.json');
  if (wanted === undefined) return undefined;
  const dropped = provided(wanted);
  if (!hasDependencies(wanted, dropped)) return undefined;
  const files = new Map<string, Uint8Array>();
  files.set('package.json', Buffer.from(JSON.stringify(wantedPackage(wanted, dropped))));
  const lockFile = await findLockFile(revisionDirectory);
  for (const name of [lockFile, '.npmrc']) await take(revisionDirectory, name, files);
  const lock = (await readJson(revisionDirectory, lockFile)) ?? {};
  const pruned = dropped.size === 0 ? lock : pruneLock(lock, dropped);
  if (pruned !== lock) files.set(lockFile, Buffer.from(JSON.stringify(pruned)));
  for (const path of localArchives(pruned, lockFile)) await take(revisionDirectory, path, files);
  return { digest: planDigest(process.versions.modules, files), files, folder: 'node_modules', link: modulesLink, install: runNpmCi };
}

/**
 * The platform's packages that a package.json names and that are not installed: always the SDK, because it belongs to the daemon;
 * others when the platform's version fits; and those for development only.
 */
function provided(wanted: Readonly<Record<string, unknown>>): ReadonlySet<string> {
  const dropped = new Set<string>();
  for (const name of platformPackages) {
    const specs = installedFields.map((field) => entryOf(wanted[field], name)).filter((spec) => spec !== undefined);
    const isOnlyForDevelopment = specs.length === 0 && entryOf(wanted['devDependencies'], name) !== undefined;
    if (name === '@dcf/sdk' ? specs.length > 0 : specs.length > 0 && specs.every((spec) => fits(name, spec))) dropped.add(name);
    if (isOnlyForDevelopment) dropped.add(name);
  }
  return dropped;
}

function fits(name: string, spec: unknown): boolean {
  return typeof spec === 'string' && satisfies(packageVersion(name), spec);
}

function entryOf(named: unknown, name: string): unknown {
  return isRecord(named) && Object.hasOwn(named, name) ? named[name] : undefined;
}

function wantedPackage(wanted: Readonly<Record<string, unknown>>, dropped: ReadonlySet<string>): Record<string, unknown> {
  const kept = Object.fromEntries(dependencyFields.filter((field) => Object.hasOwn(wanted, field)).map((field) => [field, wanted[field]]));
  if (dropped.size === 0) return kept;
  delete kept['devDependencies'];
  for (const field of installedFields) if (isRecord(kept[field])) kept[field] = withoutNames(kept[field], dropped);
  return kept;
}

function hasDependencies(content: Readonly<Record<string, unknown>>, dropped: ReadonlySet<string>): boolean {
  return ['dependencies', 'optionalDependencies'].some((field) => Object.keys(withoutNames(content[field], dropped)).length > 0);
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

/** The archives in the function's package that the lock file installs: `"resolved": "file:vendor/thing-1.0.0.tgz"`. */
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
    if (problem !== undefined) throw refuse(`${lockFile}: ${name} is installed from the file ${JSON.stringify(path)}, which ${problem}`);
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
  throw refuse(`${name} is not a JSON object`);
}
