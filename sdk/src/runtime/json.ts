import { types } from 'node:util';
import { DcfError, messageOf } from '../errors.js';
import { adviceFor, nameOf } from './kinds.js';
import { tensorData } from './tensors.js';

/** Deeper values are looked at by the careful way, which sees circles. */
const maxQuickDepth = 2_500;

/**
 * The JSON text of what a Handler answers. Numbers of typed arrays and tensors become lists, safe integers of type bigint numbers,
 * and `toJSON` is heeded; properties that are `undefined` are left out. Whatever else JSON would change without a word is refused.
 *
 * Nearly all answers are plain. So a look at each value comes first, which is a fraction of what writing them takes; only where it finds
 * something else, the value is gone through once more, with its path in hand, and copied as JSON will have it.
 *
 * @throws DcfError INTERNAL, with the place, such as `reply.scores[3]`, what is there, and what to do
 */
export function jsonText(value: unknown): string {
  try {
    return JSON.stringify(isPlain(value, 0) ? value : new Copy().of(value));
  } catch (error) {
    if (DcfError.is(error)) throw error;
    throw new DcfError('INTERNAL', `the Handler returned an object that JSON cannot write: ${messageOf(error).split('\n')[0]}`, {
      cause: error,
    });
  }
}

/** Whether JSON writes a value as it is: plain objects and lists of strings, finite numbers, booleans and null. */
function isPlain(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value);
    case 'object':
      return value === null || (depth < maxQuickDepth && isPlainObject(value, depth + 1));
    default:
      return false;
  }
}

function isPlainObject(value: object, depth: number): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (Array.isArray(value)) {
    if (prototype !== Array.prototype) return false;
    for (let index = 0; index < value.length; index++) if (!isPlain(value[index], depth)) return false;
    return true;
  }
  if (prototype !== Object.prototype && prototype !== null) return false;
  for (const key in value) {
    const property: unknown = Reflect.get(value, key);
    if (property !== undefined && !isPlain(property, depth)) return false;
  }
  return true;
}

/** A copy of a value as JSON is to have it. */
class Copy {
  /** Where it is, and through which objects it came there. */
  private readonly keys: (string | number)[] = [];
  private readonly parents: object[] = [];

  /** @throws DcfError INTERNAL as `jsonText` does */
  of(value: unknown): unknown {
    switch (typeof value) {
      case 'string':
      case 'boolean':
        return value;
      case 'number':
        if (Number.isFinite(value)) return value;
        throw this.refusal(String(value), 'JSON has no such number: write null or a string');
      case 'bigint':
        if (BigInt(Number(value)) === value && Number.isSafeInteger(Number(value))) return Number(value);
        throw this.refusal(`the bigint ${value}`, 'readers of JSON would round it: write String(value)');
      case 'object':
        return value === null ? null : this.ofObject(value);
      case 'undefined':
        throw this.refusal('nothing (undefined)', 'write null');
      default:
        throw this.refusal(`a ${typeof value}`, adviceFor(value));
    }
  }

  private ofObject(value: object): unknown {
    const at = this.parents.indexOf(value);
    if (at !== -1) throw this.refusal(`the same object as ${pathOf(this.keys.slice(0, at))}`, 'JSON cannot write a circular structure');
    this.parents.push(value);
    try {
      return this.ofNewObject(value);
    } finally {
      this.parents.pop();
    }
  }

  private ofNewObject(value: object): unknown {
    if (Array.isArray(value)) return this.list(value);
    if (types.isTypedArray(value) && !Buffer.isBuffer(value)) return this.list(value);
    if (types.isBoxedPrimitive(value)) return this.of(value.valueOf());
    const what = problemWith(value);
    if (what !== undefined) throw this.refusal(what, adviceFor(value));
    if ('toJSON' in value && typeof value.toJSON === 'function') {
      const key = this.keys.at(-1) ?? '';
      const written: unknown = this.asked(() => Reflect.apply(Object(value).toJSON, value, [String(key)]));
      if (written === undefined) throw this.refusal(`${nameOf(value)} whose toJSON returns nothing`, 'write what it stands for');
      return written === value ? this.properties(value) : this.of(written);
    }
    const data = this.asked(() => tensorData(value));
    return data === undefined ? this.properties(value) : this.of(data);
  }

  private list(values: ArrayLike<unknown>): unknown[] {
    return Array.from(values, (value, index) => this.at(index, value));
  }

  private properties(value: object): object {
    // No prototype: a key that is called __proto__ is one like any other.
    const copy: Record<string, unknown> = Object.create(null);
    const keys = Object.keys(value);
    if (keys.length === 0 && !isEmptyOnPurpose(value)) {
      throw this.refusal(nameOf(value), adviceFor(value));
    }
    for (const key of keys) {
      const property: unknown = Reflect.get(value, key);
      if (property !== undefined) copy[key] = this.at(key, property);
    }
    return copy;
  }

  private at(key: string | number, value: unknown): unknown {
    this.keys.push(key);
    const copy = this.of(value);
    this.keys.pop();
    return copy;
  }

  /** What code of the value's own gives. */
  private asked<Result>(code: () => Result): Result {
    try {
      return code();
    } catch (error) {
      throw this.refusal('an object that JSON cannot write', messageOf(error), error);
    }
  }

  private refusal(what: string, advice: string, cause?: unknown): DcfError {
    const subject = this.keys.length === 0 ? 'the Handler returned' : `${pathOf(this.keys)} is`;
    return new DcfError('INTERNAL', `${subject} ${what}; ${advice}`, { cause });
  }
}

/** What of a value JSON would lose, or write its insides of; `undefined` when it is none of these. */
function problemWith(value: object): string | undefined {
  if (types.isDate(value)) return Number.isNaN(value.getTime()) ? 'an invalid Date' : undefined;
  const inner = Buffer.isBuffer(value) || types.isAnyArrayBuffer(value) || types.isDataView(value);
  if (inner || types.isMap(value) || types.isSet(value) || types.isPromise(value) || types.isRegExp(value)) return nameOf(value);
  const stream = Symbol.asyncIterator in value || (Symbol.iterator in value && 'next' in value);
  if (stream || (types.isNativeError(value) && !('toJSON' in value))) return nameOf(value);
  return undefined;
}

/** Whether an object without properties is one that somebody wrote as `{}`. */
function isEmptyOnPurpose(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  // Object.prototype of another realm, as test runners have one, has no prototype either.
  return (
    prototype === null || (typeof prototype === 'object' && Object.getPrototypeOf(prototype) === null && !(Symbol.toStringTag in value))
  );
}

function pathOf(keys: readonly (string | number)[]): string {
  const parts = keys.map((key) => {
    if (typeof key === 'number') return `[${key}]`;
    return /^[A-Za-z_$][\w$]*$/.test(key) && key.length <= 80 ? `.${key}` : `[${JSON.stringify(key.slice(0, 80))}]`;
  });
  return `reply${parts.join('')}`;
}
