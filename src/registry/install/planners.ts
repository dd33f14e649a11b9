import { join } from 'node:path';
import type { RuntimeName } from '@dcf/sdk/languages';
import type { Interpreter } from '../../core/interpreter.js';
import type { DependencyPlan } from './dependency-plan.js';
import { modulesLink, planPackages } from './npm-plan.js';
import { planRequirements, sitePackagesLink } from './requirements-plan.js';

/** How the dependencies of functions in a language are found out. */
interface Planner {
  /** What a folder wants installed; `undefined` when that is nothing. */
  readonly plan: (directory: string, interpreter: Interpreter) => Promise<DependencyPlan | undefined>;
  /** Where a revision finds what is installed: a path relative to its folder. */
  readonly link: string;
}

const planners: Readonly<Record<RuntimeName, Planner>> = {
  node: { plan: planPackages, link: modulesLink },
  python: { plan: planRequirements, link: sitePackagesLink },
};

/**
 * What a folder wants installed; `undefined` when that is nothing.
 *
 * @throws DcfError FAILED_PRECONDITION for what cannot be installed
 */
export function planDependencies(directory: string, interpreter: Interpreter): Promise<DependencyPlan | undefined> {
  return planners[interpreter.runtime].plan(directory, interpreter);
}

/** Where a revision finds its installed packages; absolute. */
export function packagesOf(directory: string, runtime: RuntimeName): string {
  return join(directory, planners[runtime].link);
}

/** All places in which a revision may have a link to installed packages, relative to its folder. */
export const packageLinks: readonly string[] = Object.values(planners).map(({ link }) => link);
