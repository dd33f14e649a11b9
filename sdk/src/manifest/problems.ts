import type { z } from 'zod';
import { closestName } from '../suggest.js';
import { manifestJsonSchema } from './schema.js';

type Issue = z.core.$ZodIssue;

/**
 * Describes each problem in one line: place, key, what was found and what is allowed.
 *
 * @param place - returns where a path of keys is written, such as `function.yaml:12`
 */
export function describeProblems(error: z.ZodError, given: unknown, place: (path: readonly PropertyKey[]) => string): string[] {
  return error.issues.flatMap((issue) => describeIssue(issue, given, place));
}

function describeIssue(issue: Issue, given: unknown, place: (path: readonly PropertyKey[]) => string): string[] {
  if (issue.code === 'unrecognized_keys') {
    const allowed = keysAllowedAt(issue.path);
    return issue.keys.map((key) => {
      const path = [...issue.path, key];
      const closest = closestName(key, allowed);
      const meant = closest === undefined ? '' : ` (did you mean "${closest}"?)`;
      return `${place(path)}: unknown key "${path.map(String).join('.')}"${meant}; allowed here: ${allowed.join(', ')}`;
    });
  }
  const key = issue.path.map(String).join('.');
  const found = valueAt(given, issue.path);
  if (found === undefined) return [`${place(issue.path)}: the key "${key}" is missing; allowed: ${allowedBy(issue)}`];
  return [`${place(issue.path)}: "${key}" is ${show(found)}; allowed: ${allowedBy(issue)}${advise(issue, found)}`];
}

/** Advice for frequent mistakes, such as a number where a text is needed. */
function advise(issue: Issue, found: unknown): string {
  if (found === null) return ', or leave the key out';
  const isScalar = typeof found === 'number' || typeof found === 'boolean';
  return issue.code === 'invalid_type' && issue.expected === 'string' && isScalar && nameOfType('string') === allowedBy(issue)
    ? ': put it in quotes'
    : '';
}

/** What is allowed, in words: the schema's own message if it has one. */
function allowedBy(issue: Issue): string {
  if (!/^(Invalid|Too)/.test(issue.message)) return issue.message;
  switch (issue.code) {
    case 'invalid_value':
      return issue.values.map((value) => JSON.stringify(value)).join(' or ');
    case 'too_small':
      return issue.origin === 'array'
        ? `a list of at least ${issue.minimum}`
        : `${issue.origin === 'string' ? 'at least one character' : `${issue.minimum} or more`}`;
    case 'too_big':
      return `${issue.maximum} at most`;
    case 'invalid_type':
      return nameOfType(issue.expected);
    case 'invalid_key':
      return issue.issues.map((inner) => inner.message).join(', ');
    default:
      return issue.message;
  }
}

function nameOfType(expected: string): string {
  const names: Record<string, string> = {
    int: 'a whole number',
    number: 'a number',
    string: 'a text',
    boolean: 'true or false',
    array: 'a list',
    object: 'a mapping of keys to values',
    record: 'a mapping of names to values',
  };
  return names[expected] ?? expected;
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Reflect.get(value, key);
  }
  return value;
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/** The keys that the schema allows at a path. They are read from the JSON schema, as zod's own structures are not a public format. */
function keysAllowedAt(path: readonly PropertyKey[]): string[] {
  let schemas: unknown[] = [manifestJsonSchema()];
  for (const key of path) schemas = schemas.flatMap((schema) => step(schema, key));
  return schemas.flatMap(variants).flatMap((schema) => {
    const properties = property(schema, 'properties');
    return typeof properties === 'object' && properties !== null ? Object.keys(properties) : [];
  });
}

function step(schema: unknown, key: PropertyKey): unknown[] {
  return variants(schema).flatMap((variant) => {
    const named = property(property(variant, 'properties'), key) ?? property(variant, 'additionalProperties');
    return named === undefined ? [] : [named];
  });
}

function variants(schema: unknown): unknown[] {
  const parts = ['allOf', 'anyOf', 'oneOf'].flatMap((word) => {
    const list = property(schema, word);
    return Array.isArray(list) ? list.flatMap(variants) : [];
  });
  return [schema, ...parts];
}

function property(value: unknown, key: PropertyKey): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
}
