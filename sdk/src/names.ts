export { closestName } from './suggest.js';

declare const brand: unique symbol;

/** A function's name that has been checked: safe as a path segment, a label and a host name. */
export type FunctionName = string & { readonly [brand]: 'FunctionName' };
/** The name of one immutable package of a function: the first 16 hexadecimal digits of its digest. */
export type RevisionId = string & { readonly [brand]: 'RevisionId' };
/** SHA-256 as 64 lower-case hexadecimal digits. */
export type Digest = string & { readonly [brand]: 'Digest' };

/** What a function's name looks like; also the JSON schema's pattern. */
export const functionNamePattern = /^[a-z][a-z0-9-]{0,62}$/;
const revisionPattern = /^[0-9a-f]{16}$/;
const digestPattern = /^[0-9a-f]{64}$/;

/** Whether `value` is a name that a function may have. */
export function isFunctionName(value: string): value is FunctionName {
  return functionNamePattern.test(value);
}

/** Whether `value` has the form of a revision's name. */
export function isRevisionId(value: string): value is RevisionId {
  return revisionPattern.test(value);
}

/** Whether `value` has the form of a SHA-256 digest. */
export function isDigest(value: string): value is Digest {
  return digestPattern.test(value);
}

/** Whether `value` is a name that an alias may have: like a function's, and unlike a revision's. */
export function isAliasName(value: string): boolean {
  return functionNamePattern.test(value) && !revisionPattern.test(value);
}

/** Why `value` is no alias, in words for the user. */
export function aliasNameProblem(value: string): string {
  const shown = JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  return `${shown} is no alias: use lower-case letters, digits and '-', begin with a letter, 63 characters at most, and not 16 hexadecimal digits as a revision has`;
}

/** Why `value` is no function name, in words for the user. */
export function functionNameProblem(value: string): string {
  const shown = JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  return `${shown} is no function name: use lower-case letters, digits and '-', begin with a letter, 63 characters at most`;
}

/** Why `value` is no name of a secret, in words for the user; `undefined` when it is one. */
export function secretNameProblem(value: string): string | undefined {
  if (/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(value)) return undefined;
  const shown = JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  return `${shown} is no name of a secret: use letters, digits and '_', do not begin with a digit, 128 characters at most`;
}

/** Bytes that a secret may have. */
export const maximumSecretBytes = 64 * 1024;
