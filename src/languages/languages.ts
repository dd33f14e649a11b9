import { join } from 'node:path';
import { type RuntimeName, runtimeNames } from '@dcf/sdk/languages';
import type { Manifest } from '@dcf/sdk/manifest';
import { messageOf } from '../core/errors.js';
import type { Interpreter } from '../core/interpreter.js';
import { node } from './node/language.js';
import { python } from './python/language.js';
import type { DependencyPlan } from './shared/dependency-plan.js';
import type { Language } from './shared/language.js';
import type { LanguageTemplates } from './shared/language-templates.js';

/** The languages of functions, by the manifest's `runtime`. */
const languages: Readonly<Record<RuntimeName, Language>> = { node, python };

/** The program for each runtime when the manifest asks for no version: a name on the PATH, or a path. */
export type Programs = Readonly<Partial<Record<RuntimeName, string | undefined>>>;

/**
 * Finds the interpreter that runs a function on this host.
 *
 * @throws DcfError FAILED_PRECONDITION that says what was looked for and what was found
 */
export function findInterpreter(manifest: Pick<Manifest, 'runtime' | 'python'>, programs: Programs): Promise<Interpreter> {
  const { runtime } = manifest;
  return languages[runtime].find(manifest, programs[runtime]);
}

/**
 * The command that runs a replica with `workers` workers.
 *
 * @param memoryLimit - the limit of the whole process, in bytes; none when `undefined`
 */
export function runtimeCommand(interpreter: Interpreter, workers: number, memoryLimit: number | undefined): string[] {
  return languages[interpreter.runtime].command(interpreter, workers, memoryLimit);
}

/**
 * Plans the install of a function's dependencies; `undefined` when it has none.
 *
 * @throws DcfError FAILED_PRECONDITION when its dependencies cannot be installed
 */
export function planDependencies(directory: string, interpreter: Interpreter): Promise<DependencyPlan | undefined> {
  return languages[interpreter.runtime].plan(directory, interpreter);
}

/** The path at which a revision finds its installed packages. @param directory - the revision's folder */
export function packagesOf(directory: string, runtime: RuntimeName): string {
  return join(directory, languages[runtime].link);
}

/** The paths at which a revision may have a link to installed packages, relative to its folder. */
export const packageLinks: readonly string[] = Object.values(languages).map(({ link }) => link);

/** How functions in a language begin. */
export function templatesOf(runtime: RuntimeName): LanguageTemplates {
  return languages[runtime].templates;
}

/** Whether functions with a runtime can run on this host. */
export interface RuntimeSupport {
  readonly runtime: RuntimeName;
  readonly usable: boolean;
  /** For people: version and path, or why it cannot be used. */
  readonly detail: string;
}

/** Looks for each runtime except Node, which runs this program. */
export function runtimeSupport(programs: Programs): Promise<RuntimeSupport[]> {
  return Promise.all(runtimeNames.filter((runtime) => runtime !== 'node').map((runtime) => supportOf(runtime, programs)));
}

/** Whether functions with a runtime can run on this host. */
export async function supportOf(runtime: RuntimeName, programs: Programs): Promise<RuntimeSupport> {
  try {
    const { version, executable } = await findInterpreter({ runtime, python: undefined }, programs);
    return { runtime, usable: true, detail: `${version}, ${executable}` };
  } catch (error) {
    return { runtime, usable: false, detail: messageOf(error) };
  }
}
