import type { z } from 'zod';
import { type LanguageKey, languageOf, type RuntimeName, runtimeNames } from '../languages.js';
import { environmentProblem, variableProblem } from './environment.js';
import { type resource, secretVariable } from './fields.js';

/** A value that its key may have, but not beside the values of other keys. */
export interface Problem {
  path: PropertyKey[];
  /** What is allowed. */
  message: string;
}

/** Problems with keys that belong to other languages than the function's. */
export function languageProblems(manifest: { runtime: RuntimeName } & Partial<Record<LanguageKey, unknown>>): Problem[] {
  const own = languageOf(manifest.runtime).keys;
  return runtimeNames.flatMap((runtime) =>
    languageOf(runtime)
      .keys.filter((key) => manifest[key] !== undefined && !own.includes(key))
      .map((key) => ({ path: [key], message: `only with runtime: ${runtime}; leave the key out` })),
  );
}

export function environmentProblems(environment: Readonly<Record<string, string>>): Problem[] {
  const each = Object.entries(environment).flatMap(([name, value]) => {
    const message = variableProblem(name, value);
    return message === undefined ? [] : [{ path: ['environment', name], message }];
  });
  const message = environmentProblem(environment);
  return each.length > 0 || message === undefined ? each : [{ path: ['environment'], message }];
}

export function secretProblems(manifest: { environment: object; secrets: readonly { name: string; file: boolean }[] }): Problem[] {
  const taken = new Set(Object.keys(manifest.environment));
  return manifest.secrets.flatMap((given, index) => {
    // An entry without a name is not a secret, and has another problem already.
    if (typeof given.name !== 'string') return [];
    const variable = secretVariable(given);
    const message = `a secret whose variable is not set twice; environment or another secret sets ${variable}, too`;
    const problem = taken.has(variable) ? message : variableProblem(variable, '');
    taken.add(variable);
    return problem === undefined ? [] : [{ path: ['secrets', index], message: problem }];
  });
}

export function resourceProblems(resources: Readonly<Record<string, z.output<typeof resource>>>): Problem[] {
  return Object.entries(resources).flatMap(([name, given]) => {
    const { source, sha256: digest } = typeof given === 'string' ? { source: given, sha256: undefined } : given;
    if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(source)) return [];
    const path = ['resources', name];
    const message = addressProblem(source);
    if (message !== undefined) return [{ path, message }];
    if (digest !== undefined) return [];
    return [{ path, message: '{ source: https://…, sha256: … }: a download needs its sha256, as sha256sum prints it' }];
  });
}

/** What is allowed in place of this address; `undefined` if it is allowed. */
function addressProblem(source: string): string | undefined {
  const url = URL.canParse(source) ? new URL(source) : undefined;
  if (url?.protocol !== 'https:') return 'a path in the folder, or an https:// address with its sha256';
  if (url.username !== '' || url.password !== '') return 'an https:// address without a user or password: a manifest must not hold secrets';
  return undefined;
}
