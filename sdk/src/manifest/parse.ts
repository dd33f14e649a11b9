import { LineCounter, parseDocument } from 'yaml';
import { DcfError, messageOf } from '../errors.js';
import { describeProblems, type LineOf } from './problems.js';
import { type Manifest, manifestSchema } from './schema.js';

/** A manifest in both its forms. */
export interface ParsedManifest {
  /** What the user wrote, as a JSON object: this is what a package carries. */
  given: Record<string, unknown>;
  manifest: Manifest;
}

/** A value that `--set` puts at a dotted path, such as `parameters.invert`. */
export interface Override {
  path: readonly string[];
  value: unknown;
}

/**
 * Reads a `function.yaml`.
 *
 * @param text - the file's text
 * @param file - its name, for messages
 * @param overrides - what `--set` changes before anything is checked
 * @throws DcfError INVALID_ARGUMENT with one line for each problem: file, line, key, what was found, what is allowed
 */
export function parseManifestYaml(text: string, file: string, overrides: readonly Override[] = []): ParsedManifest {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [syntaxError] = document.errors;
  if (syntaxError !== undefined) {
    const { line, col } = lines.linePos(syntaxError.pos[0]);
    throw new DcfError('INVALID_ARGUMENT', `${file}:${line}:${col}: not valid YAML: ${syntaxError.message}`);
  }
  for (const { path, value } of overrides) {
    try {
      document.setIn(path, document.createNode(value));
    } catch (error) {
      throw new DcfError('INVALID_ARGUMENT', `--set ${path.join('.')}: ${messageOf(error)}`);
    }
  }
  const lineOf: LineOf = (path) => {
    for (let length = path.length; length > 0; length--) {
      const node: unknown = document.getIn(path.slice(0, length), true);
      const offset = rangeStart(node);
      if (offset !== undefined) return lines.linePos(offset).line;
    }
    return 1;
  };
  let given: unknown;
  try {
    // A limit against aliases that unfold without end ("billion laughs").
    given = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw new DcfError('INVALID_ARGUMENT', `${file}: ${messageOf(error)}`);
  }
  return check(given, (path) => `${file}:${lineOf(path)}`, file);
}

/**
 * Reads a manifest that a package carries, as JSON text.
 *
 * @throws DcfError INVALID_ARGUMENT with one line for each problem
 */
export function parseManifestJson(text: string): ParsedManifest {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch (error) {
    throw new DcfError('INVALID_ARGUMENT', `the manifest is not valid JSON: ${messageOf(error)}`);
  }
  return check(given, () => 'manifest', 'manifest');
}

function check(given: unknown, place: (path: readonly PropertyKey[]) => string, file: string): ParsedManifest {
  if (!isRecord(given)) {
    throw new DcfError('INVALID_ARGUMENT', `${file}: a manifest is a mapping of keys to values, and "name" is the one that it needs`);
  }
  const result = manifestSchema.safeParse(given);
  if (result.success) return { given, manifest: result.data };
  throw new DcfError('INVALID_ARGUMENT', describeProblems(result.error, given, place).join('\n'));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function rangeStart(node: unknown): number | undefined {
  if (typeof node !== 'object' || node === null || !('range' in node) || !Array.isArray(node.range)) return undefined;
  const start: unknown = node.range[0];
  return typeof start === 'number' ? start : undefined;
}
