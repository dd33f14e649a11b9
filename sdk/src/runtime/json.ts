import { types } from 'node:util';
import { DcfError, messageOf } from '../errors.js';
import { adviceFor, nameOf } from './kinds.js';
import { tensorData } from './tensors.js';

/** Levels of nesting that the quick check looks at. Deeper values are copied, which also detects circular structures. */
const maxQuickDepth = 2_500;

/**
 * The JSON text of a Handler's reply. Typed arrays and tensors become lists, safe integers of type bigint become numbers, `toJSON` is used,
 * and properties that are `undefined` are left out. Any other value that JSON would change silently is refused.
 *
 * Nearly all replies consist of plain values. So a quick check comes first, which takes a fraction of the time of writing the JSON. Only if
 * it finds another value, the reply is copied into plain values, and the path of each value is tracked for messages.
 *
 * @throws DcfError INTERNAL with the path, such as `reply.scores[3]`, the value, and what to do
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

/** Whether JSON writes a value unchanged: plain objects and lists of strings, finite numbers, booleans and null. */
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

/** Copies a value into plain values for JSON. */
class Copy {
  /** The path of the value that is being copied, and the objects on this path. */
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
    // Without a prototype, a key with the name __proto__ is a key like any other.
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

  /** Runs code of the value's class. @throws DcfError INTERNAL when it throws */
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

/** The kind of a value whose content JSON would lose, or write in its internal form; `undefined` for other values. */
function problemWith(value: object): string | undefined {
  if (types.isDate(value)) return Number.isNaN(value.getTime()) ? 'an invalid Date' : undefined;
  const inner = Buffer.isBuffer(value) || types.isAnyArrayBuffer(value) || types.isDataView(value);
  if (inner || types.isMap(value) || types.isSet(value) || types.isPromise(value) || types.isRegExp(value)) return nameOf(value);
  const stream = Symbol.asyncIterator in value || (Symbol.iterator in value && 'next' in value);
  if (stream || (types.isNativeError(value) && !('toJSON' in value))) return nameOf(value);
  return undefined;
}

/** Whether an object without properties is a plain `{}`, and not an instance of a class whose content is hidden. */
function isEmptyOnPurpose(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  // Recognises the Object.prototype of another realm, too, which test runners create: it has no prototype.
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
