import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type Scalar,
  visit,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import { DcfError, messageOf } from '../errors.js';

/** The content of a YAML file as a JSON value, and the lines of its keys. */
export interface YamlContent {
  value: unknown;
  /** The line in which a path of keys is written; if it does not exist, the line of the longest part of it that does. */
  lineOf: (path: readonly PropertyKey[]) => number;
}

/** The nodes between the document and one of its nodes. */
type Ancestors = readonly (Document | Node | Pair)[];

const yamlTags = 'tag:yaml.org,2002:';
const mergeKey = '<<';
const maximumAliases = 100;

/**
 * Reads YAML 1.2 (https://yaml.org/spec/1.2.2/) with the merge keys of 1.1. Everything that JSON could not represent as it was written is
 * refused: tags, numbers that lose digits, a second document.
 *
 * @param file - the file's name, for messages
 * @param scalars - `texts`: every scalar is the text that was written, for settings that are parsed from texts; @default 'typed'
 * @throws DcfError INVALID_ARGUMENT with one line for each problem: file, line, what was found, what is allowed
 */
export function readYaml(text: string, file: string, scalars: 'typed' | 'texts' = 'typed'): YamlContent {
  try {
    return read(text, file, scalars);
  } catch (error) {
    if (error instanceof RangeError) throw new DcfError('INVALID_ARGUMENT', `${file}: nested too deeply`);
    throw error;
  }
}

function read(text: string, file: string, scalars: 'typed' | 'texts'): YamlContent {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    schema: scalars === 'typed' ? 'core' : 'failsafe',
    merge: true,
    // A key is the text as it is written: 1.10 stays "1.10".
    stringKeys: true,
    resolveKnownTags: false,
    logLevel: 'error',
  });
  const [syntaxError] = document.errors;
  if (syntaxError !== undefined) throw new DcfError('INVALID_ARGUMENT', describeError(syntaxError, file, lines));
  const lineAt = (node: unknown): number => (isNode(node) && node.range ? lines.linePos(node.range[0]).line : 1);
  const problems = findProblems(document, (node, problem) => `${file}:${lineAt(node)}: ${problem}`);
  if (document.directives?.yaml.explicit === true && document.directives.yaml.version !== '1.2') {
    problems.unshift(`${file}:1: %YAML ${document.directives.yaml.version}; allowed: YAML 1.2; leave that line out`);
  }
  if (problems.length > 0) throw new DcfError('INVALID_ARGUMENT', problems.join('\n'));
  try {
    const value: unknown = document.toJS({ maxAliasCount: maximumAliases });
    // An alias is the same object as its anchor. They are copied, so that a change of one does not change the other.
    return { value: JSON.parse(JSON.stringify(value)), lineOf: (path) => lineAt(findKey(document, path)) };
  } catch (error) {
    const advice = `too many aliases ("billion laughs"); allowed: ${maximumAliases} for an anchor, including those of its parts. Write the values out`;
    throw new DcfError('INVALID_ARGUMENT', `${file}: ${/alias/i.test(messageOf(error)) ? advice : messageOf(error)}`);
  }
}

function describeError(error: YAMLError, file: string, lines: LineCounter): string {
  const { line, col } = lines.linePos(error.pos[0]);
  const place = `${file}:${line}:${col}`;
  switch (error.code) {
    case 'MULTIPLE_DOCS':
      return `${place}: a second document begins here with "---"; allowed: one document in a file; give each function a folder of its own`;
    case 'DUPLICATE_KEY':
      return `${place}: not valid YAML: this key is there twice; allowed: each key once`;
    case 'NON_STRING_KEY':
      return `${place}: this key is a list, a mapping, or has a tag; allowed: a text`;
    case 'TAB_AS_INDENT':
      return `${place}: not valid YAML: this line is indented with a tab; allowed: spaces`;
    case 'RESOURCE_EXHAUSTION':
      return `${place}: not valid YAML: the value is nested too deeply`;
    default:
      return `${place}: not valid YAML: ${error.message}`;
  }
}

function findProblems(document: Document.Parsed, describe: (node: unknown, problem: string) => string): string[] {
  const problems: string[] = [];
  const checkTag = (node: Node, ancestors: Ancestors): boolean => {
    const problem = tagProblem(node, document);
    if (problem !== undefined) problems.push(describe(node, `${shownPath(ancestors, node)} ${problem}`));
    return problem === undefined;
  };
  visit(document, {
    Collection: (_, node, ancestors) => {
      checkTag(node, ancestors);
    },
    Scalar: (_, node, ancestors) => {
      if (!checkTag(node, ancestors)) return;
      const problem = scalarProblem(node);
      if (problem !== undefined) problems.push(describe(node, `${shownPath(ancestors, node)} ${problem}`));
    },
    Alias: (_, node, ancestors) => {
      const problem = aliasProblem(node, ancestors, document);
      if (problem !== undefined) problems.push(describe(node, `${shownPath(ancestors, node)} ${problem}`));
    },
    Pair: (_, pair) => {
      if (isMergeKey(pair) && mergedMaps(pair, document).some((merged) => merged !== undefined && !isMap(merged))) {
        problems.push(
          describe(pair.key, `"${mergeKey}" has another value than mappings; allowed: an alias of a mapping, or a list of these`),
        );
      }
    },
  });
  return problems;
}

function scalarProblem({ value, source }: Scalar): string | undefined {
  if (typeof value === 'string' && !value.isWellFormed()) return 'has half of a surrogate pair in it; allowed: well-formed Unicode';
  if (typeof value !== 'number') return undefined;
  const written = source ?? String(value);
  const allowed = numberProblem(written, value);
  return allowed === undefined ? undefined : `is ${written}; allowed: ${allowed}`;
}

/** The problem of a node with an unknown tag; `undefined` if there is none. The parser reports such tags as warnings, by their position. */
function tagProblem({ tag, range }: Node, { warnings }: Document.Parsed): string | undefined {
  if (tag === undefined || !range) return undefined;
  const [start, , end] = range;
  if (!warnings.some(({ code, pos }) => code === 'TAG_RESOLVE_FAILED' && pos[0] <= start && start <= end && end >= pos[1]))
    return undefined;
  const shown = tag.startsWith(yamlTags) ? `!!${tag.slice(yamlTags.length)}` : tag;
  const advice = /secret|env/i.test(tag) ? '; name values that are secret or differ between hosts under secrets' : '';
  return `has the tag ${shown}, which is not supported; allowed: no tag, or !!str, !!int, !!float, !!bool, !!null where they fit${advice}`;
}

function aliasProblem(alias: Alias, ancestors: Ancestors, document: Document.Parsed): string | undefined {
  const target = alias.resolve(document);
  if (target === undefined)
    return `is *${alias.source}, an alias without an anchor; allowed: an alias of an anchor (&${alias.source}) that is written before it`;
  if (!ancestors.some((ancestor) => ancestor === target)) return undefined;
  return `is *${alias.source}, an alias of a value that contains this alias; allowed: an alias of another value`;
}

function isMergeKey({ key }: Pair): boolean {
  return isScalar(key) && key.type === 'PLAIN' && key.source === mergeKey;
}

/** The values of a merge key, which should be mappings. */
function mergedMaps({ value }: Pair, document: Document): unknown[] {
  const resolved = resolve(value, document);
  return isSeq(resolved) ? resolved.items.map((item) => resolve(item, document)) : [resolved];
}

function resolve(node: unknown, document: Document): unknown {
  return isAlias(node) ? node.resolve(document) : node;
}

/** The keys that lead to a node, as messages show them. */
function shownPath(ancestors: Ancestors, node: unknown): string {
  const keys = ancestors.flatMap((ancestor, index) => {
    if (isPair(ancestor)) return isScalar(ancestor.key) ? [String(ancestor.key.source ?? ancestor.key.value)] : ['?'];
    const inner = ancestors[index + 1] ?? node;
    return isSeq(ancestor) ? [String(ancestor.items.indexOf(inner))] : [];
  });
  return keys.length === 0 ? 'it' : `"${keys.join('.')}"`;
}

/** The node of a path of keys: a key of a mapping, or an item of a list. If it does not exist, the last node of the path that does. */
function findKey(document: Document, path: readonly PropertyKey[]): unknown {
  let found: unknown;
  let at: unknown = document.contents;
  for (const key of path) {
    const inner = resolve(at, document);
    if (isSeq(inner)) {
      at = inner.items[Number(key)];
      if (at === undefined) break;
      found = at;
    } else {
      const pair = isMap(inner) ? findPair(inner, String(key), document) : undefined;
      if (pair === undefined) break;
      found = pair.key;
      at = pair.value;
    }
  }
  return found;
}

function findPair(map: YAMLMap, key: string, document: Document): Pair | undefined {
  const own = map.items.find((pair) => isScalar(pair.key) && pair.key.value === key);
  if (own !== undefined) return own;
  for (const pair of map.items.filter(isMergeKey)) {
    for (const merged of mergedMaps(pair, document)) {
      const inherited = isMap(merged) ? findPair(merged, key, document) : undefined;
      if (inherited !== undefined) return inherited;
    }
  }
  return undefined;
}

/** A whole number as it may be written, also `0o17` and `0x1F`. */
const wholePattern = /^[-+]?(\d+|0o[0-7]+|0x[0-9a-fA-F]+)$/;

/**
 * What is allowed in place of a number that would change by being read as one; `undefined` if it does not change. Identifiers often look
 * like numbers, and would lose digits, zeros or a sign.
 *
 * @param source - the number as it is written
 * @param value - the number as it is read
 */
function numberProblem(source: string, value: number): string | undefined {
  if (!Number.isFinite(value)) return 'a finite number, or a text in quotes';
  if (/^[-+]?0\d/.test(source)) {
    return `a number without leading zeros (${value}; some programs would read it as octal), or a text in quotes`;
  }
  if (/^\+\d+$/.test(source)) return `a number without a plus sign (${value}), or a text in quotes`;
  if (wholePattern.test(source) && !Number.isSafeInteger(value)) {
    return `a whole number up to ${Number.MAX_SAFE_INTEGER}, as longer ones lose digits, or a text in quotes`;
  }
  return undefined;
}
