import { access, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { Manifest } from '@dcf/sdk/manifest';
import type { Interpreter } from '../../core/interpreter.js';
import { linkPlatformPackages } from '../../process/platform-packages.js';
import { installLocally, systemPackagesProblem } from '../../registry/install/local-dependencies.js';
import { type StepView, stepView } from '../terminal/steps.js';

/** The function whose dependencies `dcf run` installs. */
export interface RunDependencies {
  manifest: Manifest;
  /** The temporary folder with the function's files. */
  directory: string;
  /** Whether the function's own folder has a node_modules with all dependencies. */
  ownModules: boolean;
  interpreter: Interpreter;
  signal: AbortSignal;
}

/**
 * Installs a function's dependencies into the user's cache and links them into its folder, as a daemon does at a deploy. The installer's
 * output goes to stderr.
 *
 * @returns the folders that a sandbox has to be able to read besides the function's folder
 * @throws DcfError FAILED_PRECONDITION with the installer's last lines
 */
export async function provideDependencies(options: RunDependencies): Promise<string[]> {
  const { manifest, directory, ownModules, interpreter, signal } = options;
  let view: StepView | undefined;
  const problem = await systemPackagesProblem(manifest.packages.apt);
  if (problem !== undefined) stepView().warn(problem);
  if (ownModules) return [];
  const cache = cacheFolder();
  const onBegin = (): void => {
    view = stepView();
    view.begin('install');
  };
  try {
    const onOutput = (line: string): void => view?.line(line);
    const installed = await installLocally({ directory, cache, interpreter, onOutput, onBegin, signal });
    view?.end(`into ${cache}, where later runs find it`);
    if (installed === undefined) return [];
    // Node resolves the imports of a package from the package's real path, so the platform's packages must be reachable there, too.
    await linkPlatformPackages(cache);
    return [installed];
  } finally {
    view?.close();
  }
}

/** Whether the node_modules of a function's own folder has all dependencies of its package.json: these copies are then used. */
export async function hasOwnModules(source: string): Promise<boolean> {
  const modules = join(source, 'node_modules');
  try {
    await access(modules);
    const text = await readFile(join(source, 'package.json'), 'utf8').catch(() => '{}');
    const content: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
    const named: unknown = typeof content === 'object' && content !== null ? Reflect.get(content, 'dependencies') : undefined;
    for (const name of Object.keys(Object(named ?? {}))) await access(join(modules, name));
    return true;
  } catch {
    return false;
  }
}

/** The cache folder: `~/.cache/dcf`, or below XDG_CACHE_HOME (https://specifications.freedesktop.org/basedir-spec/latest/). It may be deleted. */
export function cacheFolder(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  const home = environment['XDG_CACHE_HOME'] ?? '';
  return join(isAbsolute(home) ? home : join(homedir(), '.cache'), 'dcf');
}
