import { isRecord } from '../core/json.js';
import { type Frame, FrameError } from './frame.js';

/** Reads the JSON object in a frame's header. Throws a FrameError when there is none. */
export function record(frame: Frame): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(frame.header);
  } catch {
    throw new FrameError(`the header of a frame of type ${frame.type} is not JSON`);
  }
  if (!isRecord(value)) throw new FrameError(`the header of a frame of type ${frame.type} is not an object`);
  return value;
}

/** Reads a text. Throws a FrameError when the value is not one. */
export function text(header: Readonly<Record<string, unknown>>, key: string): string {
  const value = header[key];
  if (typeof value !== 'string') throw new FrameError(`the header's "${key}" is not a text`);
  return value;
}

/** Reads a text; `undefined` when the key is missing. Throws a FrameError for any other value. */
export function optionalText(header: Readonly<Record<string, unknown>>, key: string): string | undefined {
  return header[key] === undefined ? undefined : text(header, key);
}

/** Reads a whole number from 0. Throws a FrameError when the value is not one. */
export function whole(header: Readonly<Record<string, unknown>>, key: string): number {
  const value = header[key];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new FrameError(`the header's "${key}" is not a whole number from 0`);
  }
  return value;
}

/** Reads a list of texts. Throws a FrameError when the value is not one. */
export function strings(header: Readonly<Record<string, unknown>>, key: string): string[] {
  const value = header[key];
  if (!Array.isArray(value)) throw new FrameError(`the header's "${key}" is not a list of texts`);
  return value.map((item: unknown) => {
    if (typeof item !== 'string') throw new FrameError(`the header's "${key}" is not a list of texts`);
    return item;
  });
}

/** Reads an object whose values are texts; an empty one when the key is missing. Throws a FrameError for any other value. */
export function stringValues(header: Readonly<Record<string, unknown>>, key: string): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, item] of Object.entries(optionalRecord(header, key))) {
    if (typeof item !== 'string') throw new FrameError(`the header's "${key}" has a value that is not a text`);
    result[name] = item;
  }
  return result;
}

/** Reads an object; an empty one when the key is missing. Throws a FrameError for any other value. */
export function optionalRecord(header: Readonly<Record<string, unknown>>, key: string): Readonly<Record<string, unknown>> {
  const value = header[key] ?? {};
  if (!isRecord(value)) throw new FrameError(`the header's "${key}" is not an object`);
  return value;
}
