import type { Manifest } from '@dcf/sdk/manifest';
import type { Interpreter } from '../../core/interpreter.js';
import type { DependencyPlan } from './dependency-plan.js';
import type { LanguageTemplates } from './language-templates.js';

/** All that a host knows of a language: how its functions are run, what is installed for them, and how they begin. */
export interface Language {
  /**
   * Finds the interpreter. Throws a DcfError FAILED_PRECONDITION that says what was looked for and what was found.
   *
   * @param program - for a manifest that asks for no version: a name on the PATH, or a path
   */
  readonly find: (wanted: Pick<Manifest, 'python'>, program: string | undefined) => Promise<Interpreter>;
  /**
   * The command that runs a replica with `workers` workers.
   *
   * @param memoryLimit - the limit of the whole process, in bytes; none when `undefined`
   */
  readonly command: (interpreter: Interpreter, workers: number, memoryLimit: number | undefined) => string[];
  /** Plans the install for a folder; `undefined` when it has no dependencies. Throws a DcfError FAILED_PRECONDITION when they cannot be installed. */
  readonly plan: (directory: string, interpreter: Interpreter) => Promise<DependencyPlan | undefined>;
  /** Path of the link by which a revision finds its packages, relative to its folder. */
  readonly link: string;
  /** What `dcf init` writes. */
  readonly templates: LanguageTemplates;
}
