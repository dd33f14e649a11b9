import { type Frame, FrameError } from './frame.js';

/** The JSON object in a frame's header. Throws a FrameError when it holds none. */
export function record(frame: Frame): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(frame.header);
  } catch {
    throw new FrameError(`the header of a frame of type ${frame.type} is not JSON`);
  }
  if (!isRecord(value)) throw new FrameError(`the header of a frame of type ${frame.type} is no object`);
  return value;
}

export function text(header: Readonly<Record<string, unknown>>, key: string): string {
  const value = header[key];
  if (typeof value !== 'string') throw new FrameError(`the header's "${key}" is no text`);
  return value;
}

/** `undefined` where the key is missing. */
export function optionalText(header: Readonly<Record<string, unknown>>, key: string): string | undefined {
  return header[key] === undefined ? undefined : text(header, key);
}

/** A whole number, 0 or more. */
export function whole(header: Readonly<Record<string, unknown>>, key: string): number {
  const value = header[key];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new FrameError(`the header's "${key}" is no whole number`);
  }
  return value;
}

export function strings(header: Readonly<Record<string, unknown>>, key: string): string[] {
  const value = header[key];
  if (!Array.isArray(value)) throw new FrameError(`the header's "${key}" is no list of texts`);
  return value.map((item: unknown) => {
    if (typeof item !== 'string') throw new FrameError(`the header's "${key}" is no list of texts`);
    return item;
  });
}

/** An object of texts. */
export function stringValues(header: Readonly<Record<string, unknown>>, key: string): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, item] of Object.entries(optionalRecord(header, key))) {
    if (typeof item !== 'string') throw new FrameError(`the header's "${key}" holds more than texts`);
    result[name] = item;
  }
  return result;
}

/** An object; an empty one where the key is missing. */
export function optionalRecord(header: Readonly<Record<string, unknown>>, key: string): Readonly<Record<string, unknown>> {
  const value = header[key] ?? {};
  if (!isRecord(value)) throw new FrameError(`the header's "${key}" is no object`);
  return value;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
