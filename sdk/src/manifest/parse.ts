import { DcfError, messageOf } from '../errors.js';
import { applyOverrides, type Override, shownOverride } from './overrides.js';
import { describeProblems } from './problems.js';
import { type Manifest, manifestSchema } from './schema.js';
import { readYaml } from './yaml.js';

/** Levels of nesting in the parameters. JSON parsers have limits of their own, such as a thousand in Python. */
const maximumDepth = 100;

/**
 * Reads a `function.yaml`.
 *
 * @param text - the file's text
 * @param file - its name, for messages
 * @param overrides - what `--set` changes before anything is checked
 * @throws DcfError INVALID_ARGUMENT with one line for each problem: file, line, key, what was found, what is allowed
 */
export function parseManifestYaml(text: string, file: string, overrides: readonly Override[] = []): Manifest {
  const { value, lineOf } = readYaml(text, file);
  if (!isRecord(value)) throw noMapping(value, file);
  applyOverrides(value, overrides);
  return check(value, (path) => placeOf(path, overrides) ?? `${file}:${lineOf(path)}`);
}

/** The option that set the value at a path; `undefined` if none did. */
function placeOf(path: readonly PropertyKey[], overrides: readonly Override[]): string | undefined {
  const placed = overrides.findLast((override) => {
    const shared = Math.min(path.length, override.path.length);
    return shared > 0 && Array.from({ length: shared }).every((_, index) => String(path[index]) === String(override.path[index]));
  });
  return placed && shownOverride(placed);
}

/**
 * Reads a manifest that a package carries, as JSON text.
 *
 * @throws DcfError INVALID_ARGUMENT with one line for each problem
 */
export function parseManifestJson(text: string): Manifest {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch (error) {
    throw new DcfError('INVALID_ARGUMENT', `the manifest is not valid JSON: ${messageOf(error)}`);
  }
  if (!isRecord(given)) throw noMapping(given, 'manifest');
  return check(given, () => 'manifest');
}

function check(given: Record<string, unknown>, place: (path: readonly PropertyKey[]) => string): Manifest {
  const problem = findKeyProblem(given['parameters'], ['parameters']);
  if (problem !== undefined) {
    const { path, message } = problem;
    throw new DcfError('INVALID_ARGUMENT', `${place(path)}: "${path.join('.').slice(0, 200)}" ${message}`);
  }
  const result = manifestSchema.safeParse(given);
  if (result.success) return { ...result.data, given };
  throw new DcfError('INVALID_ARGUMENT', describeProblems(result.error, given, place).join('\n'));
}

/** Finds a key of the parameters that would not reach the Handler unchanged. */
function findKeyProblem(value: unknown, path: readonly string[]): { path: readonly string[]; message: string } | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (path.length > maximumDepth) return { path, message: `is nested too deeply; allowed: ${maximumDepth} levels` };
  for (const [key, inner] of Object.entries(value)) {
    const place = [...path, key];
    // In JavaScript this key would change the prototype of the object.
    if (key === '__proto__') return { path: place, message: 'is not allowed as a key; allowed: another name' };
    const found = findKeyProblem(inner, place);
    if (found !== undefined) return found;
  }
  return undefined;
}

function noMapping(found: unknown, file: string): DcfError {
  const what = found === null ? 'it is empty' : Array.isArray(found) ? 'it is a list' : `it is ${JSON.stringify(found)}`.slice(0, 80);
  return new DcfError('INVALID_ARGUMENT', `${file}: ${what}; a manifest is a mapping of keys to values, of which only "name" is required`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
