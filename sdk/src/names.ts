export { closestName } from './suggest.js';

declare const brand: unique symbol;

/** The name of a function, checked: it is safe as a path segment, a label and a host name. */
export type FunctionName = string & { readonly [brand]: 'FunctionName' };
/** The id of a revision, which is one immutable package of a function: the first 16 hexadecimal digits of its digest. */
export type RevisionId = string & { readonly [brand]: 'RevisionId' };
/** SHA-256 as 64 lower-case hexadecimal digits. */
export type Digest = string & { readonly [brand]: 'Digest' };

/** The pattern of function names; the JSON schema of the manifest has it, too. */
export const functionNamePattern = /^[a-z][a-z0-9-]{0,62}$/;
const revisionPattern = /^[0-9a-f]{16}$/;
const digestPattern = /^[0-9a-f]{64}$/;

/** Whether `value` is a name that a function may have. */
export function isFunctionName(value: string): value is FunctionName {
  return functionNamePattern.test(value);
}

/** Whether `value` has the form of a revision's id. */
export function isRevisionId(value: string): value is RevisionId {
  return revisionPattern.test(value);
}

/** Whether `value` has the form of a SHA-256 digest. */
export function isDigest(value: string): value is Digest {
  return digestPattern.test(value);
}

/** Whether `value` is a valid name for an alias: it has the form of a function's name, but not that of a revision's id. */
export function isAliasName(value: string): boolean {
  return functionNamePattern.test(value) && !revisionPattern.test(value);
}

/** The message for a `value` that is not a valid alias. */
export function aliasNameProblem(value: string): string {
  return `${shown(value)} is not a valid alias: ${nameRules}, but not 16 hexadecimal digits, as these are a revision's id`;
}

/** The message for a `value` that is not a valid function name. */
export function functionNameProblem(value: string): string {
  return `${shown(value)} is not a valid function name: ${nameRules}`;
}

/** The message for a `value` that is not a valid name of a secret; `undefined` if it is valid. */
export function secretNameProblem(value: string): string | undefined {
  if (/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(value)) return undefined;
  return `${shown(value)} is not a valid name of a secret: use up to 128 letters, digits and '_', and do not begin with a digit`;
}

const nameRules = "use up to 63 lower-case letters, digits and '-', and begin with a letter";

function shown(value: string): string {
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
}

/** A list of names for people. A list of more than `most` is cut. */
export function listNames(names: readonly string[], most: number): string {
  const more = names.length - most;
  return more > 0 ? `${names.slice(0, most).join(', ')} and ${more} more` : names.join(', ');
}

/** The largest value of a secret, in bytes. */
export const maximumSecretBytes = 64 * 1024;
