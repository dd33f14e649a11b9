import { DcfError, messageOf } from '../errors.js';
import { readYaml } from './yaml.js';

/** A change of a manifest: a value, and the path to set it at, such as `parameters.invert` or `providers[0]`. */
export interface Override {
  /** Keys of mappings, and indexes of lists. */
  path: readonly (string | number)[];
  value: unknown;
  /** Its name in messages. @default `--set` with the path */
  shown?: string;
}

const example = 'such as parameters.invert=false or providers[0]=cpu; a dot in a key is written \\.';

/**
 * Reads one `--set KEY=VALUE`. The value is a scalar of YAML 1.2 (true, false, null, a number), a list or mapping in brackets, or a text
 * in quotes. Anything else is a text as it is written, also an empty one.
 *
 * @throws DcfError INVALID_ARGUMENT that says what is wrong
 */
export function parseOverride(text: string): Override {
  const { key, value } = split(text);
  return { path: parsePath(key), value: readValue(value), shown: `--set ${key}` };
}

/** Reads one `--set-string KEY=VALUE`, whose value is always a text. @throws DcfError INVALID_ARGUMENT as `parseOverride` does */
export function parseTextOverride(text: string): Override {
  const { key, value } = split(text);
  return { path: parsePath(key), value, shown: `--set-string ${key}` };
}

/** The name of an override in messages. */
export function shownOverride({ path, shown }: Override): string {
  return shown ?? `--set ${path.join('.')}`;
}

/**
 * Applies overrides to a manifest, one after the other. The index after the last item of a list adds an item. Below `parameters`, `null` is
 * a value like any other; elsewhere it removes the key, so that its default holds.
 *
 * @param given - the manifest as the user wrote it; it is changed
 * @throws DcfError INVALID_ARGUMENT for a path that leads through a value which is neither a mapping nor a list
 */
export function applyOverrides(given: object, overrides: readonly Override[]): void {
  for (const override of overrides) apply(given, override);
}

function split(text: string): { key: string; value: string } {
  const [, key, value] = /^((?:\\[\s\S]|[^=\\])+)=([\s\S]*)$/.exec(text) ?? [];
  if (key === undefined || value === undefined) throw refuse(`${JSON.stringify(text.slice(0, 80))} must be KEY=VALUE, ${example}`);
  return { key, value };
}

function parsePath(text: string): (string | number)[] {
  const path: (string | number)[] = [];
  // A name, the indexes after it, and the dot before the next name.
  const part = /((?:\\[\s\S]|[^.[\]\\])+)((?:\[\d{1,9}\])*)(\.(?=[\s\S])|$)/y;
  while (part.lastIndex < text.length) {
    const [, name, places = ''] = part.exec(text) ?? [];
    if (name === undefined) throw refuse(`"${text}" is not a key: write names with dots between them, ${example}`);
    path.push(name.replace(/\\([\s\S])/g, '$1'), ...[...places.matchAll(/\d+/g)].map(([place]) => Number(place)));
  }
  if (path.includes('__proto__')) throw refuse('the key __proto__ is not allowed: use another name');
  return path;
}

function readValue(text: string): unknown {
  const trimmed = text.trim();
  const isFlow = /^[[{"']/.test(trimmed);
  // Only such words can be scalars other than texts.
  if (!isFlow && !/^(~|[-+.]*\w[-+.\w]*)$/.test(trimmed)) return text;
  try {
    const { value } = readYaml(trimmed, 'the value');
    return isFlow || typeof value !== 'string' ? value : text;
  } catch (error) {
    throw refuse(`${messageOf(error)}. Use --set-string KEY=VALUE for a text`);
  }
}

function apply(given: object, override: Override): void {
  const { path, value } = override;
  let at = given;
  for (const [index, key] of path.slice(0, -1).entries()) {
    let inner = read(at, key);
    if (inner === undefined || inner === null) {
      inner = typeof path[index + 1] === 'number' ? [] : {};
      write(at, key, inner, override);
    }
    if (typeof inner !== 'object' || inner === null) {
      const shown = path.slice(0, index + 1).join('.');
      throw refuse(
        `${shownOverride(override)}: "${shown}" is ${JSON.stringify(inner)}; allowed: only a mapping or a list can have keys below it`,
      );
    }
    at = inner;
  }
  const key = path.at(-1);
  if (key === undefined) throw refuse(`--set needs a key before the "=", ${example}`);
  if (value !== null || (path[0] === 'parameters' && path.length > 1)) write(at, key, value, override);
  else if (Array.isArray(at)) at.splice(place(at, key, override), 1);
  else Reflect.deleteProperty(at, key);
}

function read(container: object, key: string | number): unknown {
  return Object.hasOwn(container, key) ? Reflect.get(container, key) : undefined;
}

function write(container: object, key: string | number, value: unknown, override: Override): void {
  if (Array.isArray(container)) container[place(container, key, override)] = value;
  else if (typeof key === 'string') Reflect.set(container, key, value);
  else throw refuse(`${shownOverride(override)}: [${key}] is an index of a list, but the value is a mapping; allowed: a name after a dot`);
}

function place(list: readonly unknown[], key: string | number, override: Override): number {
  const index = typeof key === 'string' && /^\d{1,9}$/.test(key) ? Number(key) : key;
  if (typeof index === 'number' && index <= list.length) return index;
  throw refuse(
    `${shownOverride(override)}: "${key}" is not an index of a list of ${list.length}; allowed: [0] to [${list.length}], where [${list.length}] adds an item`,
  );
}

function refuse(problem: string): DcfError {
  return new DcfError('INVALID_ARGUMENT', problem);
}
