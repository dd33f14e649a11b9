import type { FunctionDescription } from '@dcf/sdk/contract';
import { type describe, summarize } from '../../control/describe.js';
import type { LiveFunctions } from '../../control/functions.js';
import { type FunctionName, requireFunctionName } from '../../core/names.js';

/** Whether calls are taken. */
export interface Readiness {
  ready: boolean;
  /** The daemon is shutting down. */
  draining: boolean;
  notReady: { name: string; state: string; reason: string }[];
}

/** What the gateway tells of the daemon. */
export interface ViewOptions {
  functions: LiveFunctions;
  describe: (name: FunctionName) => ReturnType<typeof describe>;
  readiness: () => Readiness;
}

/** What `dcf list --json` prints. */
export function listView({ functions }: ViewOptions): object {
  return functions.list().map(summarize);
}

/** What `dcf describe --json` prints. Throws a DcfError INVALID_ARGUMENT or NOT_FOUND. */
export function describeView(options: ViewOptions, name: string): object {
  const description: FunctionDescription = options.describe(requireFunctionName(name));
  const manifest: unknown = JSON.parse(description.manifest);
  return { ...description, manifest };
}
