import { access, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { Manifest } from '@dcf/sdk/manifest';
import type { Interpreter } from '../../core/interpreter.js';
import { linkPlatformPackages } from '../../process/platform-packages.js';
import { installLocally, systemPackagesProblem } from '../../registry/install/local-dependencies.js';
import { type StepView, stepView } from '../terminal/steps.js';

/** What `dcf run` installs for, and from where. */
export interface RunDependencies {
  manifest: Manifest;
  /** Where the function is laid out. */
  directory: string;
  /** Whether the function's own folder has a node_modules with all that it names. */
  ownModules: boolean;
  interpreter: Interpreter;
  signal: AbortSignal;
}

/**
 * Installs a function's dependencies into the user's cache and links them into its folder, as a daemon does at a deploy. What is printed
 * meanwhile goes to stderr.
 *
 * @returns what a sandbox has to be able to read besides the function's folder
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
    view?.end(`into ${cache}, for the next runs, too`);
    if (installed === undefined) return [];
    // Node looks for what a package imports from where the package really is.
    await linkPlatformPackages(cache);
    return [installed];
  } finally {
    view?.close();
  }
}

/** Whether a function's own folder has a node_modules in which all that its package.json names is: a developer's own copies count then. */
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

/** `~/.cache/dcf`, or below XDG_CACHE_HOME (https://specifications.freedesktop.org/basedir-spec/latest/): all of it can be made again. */
export function cacheFolder(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  const home = environment['XDG_CACHE_HOME'] ?? '';
  return join(isAbsolute(home) ? home : join(homedir(), '.cache'), 'dcf');
}
