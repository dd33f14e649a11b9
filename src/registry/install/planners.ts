import { join } from 'node:path';
import type { RuntimeName } from '@dcf/sdk/languages';
import type { Interpreter } from '../../core/interpreter.js';
import type { DependencyPlan } from './dependency-plan.js';
import { modulesLink, planPackages } from './npm-plan.js';
import { planRequirements, sitePackagesLink } from './requirements-plan.js';

/** Plans the dependencies of functions in one language. */
interface Planner {
  /** Plans the install for a folder; `undefined` when it has no dependencies. */
  readonly plan: (directory: string, interpreter: Interpreter) => Promise<DependencyPlan | undefined>;
  /** Path of the link by which a revision finds its packages, relative to its folder. */
  readonly link: string;
}

const planners: Readonly<Record<RuntimeName, Planner>> = {
  node: { plan: planPackages, link: modulesLink },
  python: { plan: planRequirements, link: sitePackagesLink },
};

/**
 * Plans the install of a function's dependencies; `undefined` when it has none.
 *
 * @throws DcfError FAILED_PRECONDITION when its dependencies cannot be installed
 */
export function planDependencies(directory: string, interpreter: Interpreter): Promise<DependencyPlan | undefined> {
  return planners[interpreter.runtime].plan(directory, interpreter);
}

/** The path at which a revision finds its installed packages. @param directory - the revision's folder */
export function packagesOf(directory: string, runtime: RuntimeName): string {
  return join(directory, planners[runtime].link);
}

/** The paths at which a revision may have a link to installed packages, relative to its folder. */
export const packageLinks: readonly string[] = Object.values(planners).map(({ link }) => link);
