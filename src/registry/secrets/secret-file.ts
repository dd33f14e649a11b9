import { createHash } from 'node:crypto';
import { isRecord } from '../../core/json.js';
import { type FunctionName, isFunctionName } from '../../core/names.js';

/** One secret. It is immutable: a new value is a new object. */
export interface Secret {
  readonly name: string;
  readonly value: Buffer;
  /** The one function that may use it; `undefined`: every function. */
  readonly function: FunctionName | undefined;
  /** Unix milliseconds. */
  readonly setAt: number;
}

const version = 1;

/** The text of a secret's file. The value is in base64, as it may be any bytes; its digest shows damage. */
export function encodeSecret({ value, function: onlyFor, setAt }: Secret): string {
  return `${JSON.stringify({ version, function: onlyFor ?? null, setAt, value: value.toString('base64'), sha256: digestOf(value) })}\n`;
}

function digestOf(value: Uint8Array): string {
  return createHash('sha256').update(value).digest('hex');
}

/** Reads a secret's file; `undefined` when it is damaged. No reason is given, because it might show a part of the value. */
export function decodeSecret(name: string, text: string): Secret | undefined {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(content) || content['version'] !== version) return undefined;
  const { function: onlyFor, setAt, value } = content;
  if (typeof setAt !== 'number' || typeof value !== 'string') return undefined;
  const base = { name, value: Buffer.from(value, 'base64'), setAt };
  if (content['sha256'] !== digestOf(base.value)) return undefined;
  if (onlyFor === null) return { ...base, function: undefined };
  return typeof onlyFor === 'string' && isFunctionName(onlyFor) ? { ...base, function: onlyFor } : undefined;
}
