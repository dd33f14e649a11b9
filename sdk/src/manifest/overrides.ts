import { DcfError, messageOf } from '../errors.js';
import { readYaml } from './yaml.js';

/** A value that `--set` puts at a path of keys, such as `parameters.invert`, and of places in lists, such as `providers[0]`. */
export interface Override {
  path: readonly (string | number)[];
  value: unknown;
  /** What messages call it; the default is `--set` with its path. */
  shown?: string;
}

const example = 'such as parameters.invert=false or providers[0]=cpu; a dot in a key is written \\.';

/**
 * One `--set KEY=VALUE`. The value is a scalar of YAML 1.2 (true, false, null, a number), a list or mapping in brackets, or a text
 * in quotes; anything else, and nothing at all, is the text as it stands.
 *
 * @throws DcfError INVALID_ARGUMENT that says what is wrong with it
 */
export function parseOverride(text: string): Override {
  const { key, value } = split(text);
  return { path: parsePath(key), value: readValue(value), shown: `--set ${key}` };
}

/** One `--set-string KEY=VALUE`: the value is a text, whatever it looks like. Throws as `parseOverride` does. */
export function parseTextOverride(text: string): Override {
  const { key, value } = split(text);
  return { path: parsePath(key), value, shown: `--set-string ${key}` };
}

/** What messages call an override. */
export function shownOverride({ path, shown }: Override): string {
  return shown ?? `--set ${path.join('.')}`;
}

/**
 * Puts values into a manifest, one after the other. A list takes one item behind its last. `null` is a value in parameters;
 * elsewhere it takes the key away, so that its default holds.
 *
 * @param given - is changed
 * @throws DcfError INVALID_ARGUMENT for a path that leads through what is no mapping or list
 */
export function applyOverrides(given: object, overrides: readonly Override[]): void {
  for (const override of overrides) apply(given, override);
}

function split(text: string): { key: string; value: string } {
  const [, key, value] = /^((?:\\[\s\S]|[^=\\])+)=([\s\S]*)$/.exec(text) ?? [];
  if (key === undefined || value === undefined) throw refuse(`it must be KEY=VALUE, ${example}`);
  return { key, value };
}

function parsePath(text: string): (string | number)[] {
  const path: (string | number)[] = [];
  // A name, the places behind it, and the dot before the next one.
  const part = /((?:\\[\s\S]|[^.[\]\\])+)((?:\[\d{1,9}\])*)(\.(?=[\s\S])|$)/y;
  while (part.lastIndex < text.length) {
    const [, name, places = ''] = part.exec(text) ?? [];
    if (name === undefined) throw refuse(`"${text}" is no key: its parts are names with dots between them, ${example}`);
    path.push(name.replace(/\\([\s\S])/g, '$1'), ...[...places.matchAll(/\d+/g)].map(([place]) => Number(place)));
  }
  if (path.includes('__proto__')) throw refuse('__proto__ is no key');
  return path;
}

function readValue(text: string): unknown {
  const trimmed = text.trim();
  const isFlow = /^[[{"']/.test(trimmed);
  // All scalars that YAML does not take for texts are such words.
  if (!isFlow && !/^(~|[-+.]*\w[-+.\w]*)$/.test(trimmed)) return text;
  try {
    const { value } = readYaml(trimmed, 'the value');
    return isFlow || typeof value !== 'string' ? value : text;
  } catch (error) {
    throw refuse(`${messageOf(error)}. With --set-string KEY=VALUE it is a text`);
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
        `${shownOverride(override)}: "${shown}" is ${JSON.stringify(inner)}; allowed: a mapping or a list, to set something in it`,
      );
    }
    at = inner;
  }
  const key = path.at(-1);
  if (key === undefined) throw refuse('--set needs a key');
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
  else throw refuse(`${shownOverride(override)}: [${key}] is a place in a list, and there is a mapping; allowed: a name after a dot`);
}

function place(list: readonly unknown[], key: string | number, override: Override): number {
  const index = typeof key === 'string' && /^\d{1,9}$/.test(key) ? Number(key) : key;
  if (typeof index === 'number' && index <= list.length) return index;
  throw refuse(
    `${shownOverride(override)}: "${key}" is no place in a list of ${list.length}; allowed: [0] to [${list.length}], the last of which adds one`,
  );
}

function refuse(problem: string): DcfError {
  return new DcfError('INVALID_ARGUMENT', problem);
}
