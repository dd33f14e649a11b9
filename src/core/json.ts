/** Returns a value that is an object. Throws an Error that names its place otherwise. */
export function asRecord(value: unknown, place: string): Record<string, unknown> {
  if (isRecord(value)) return value;
  throw new Error(`${place} is ${showJson(value)}; it must be an object`);
}

/** Whether a JSON value is an object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns a value that is a list. Throws an Error that names its place otherwise. */
export function asList(value: unknown, place: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new Error(`${place} is ${showJson(value)}; it must be a list`);
}

/** Returns a value that is a text for which `is` holds. Throws an Error that names its place otherwise. */
export function asText<Text extends string>(value: unknown, place: string, is: (text: string) => text is Text): Text {
  if (typeof value === 'string' && is(value)) return value;
  throw new Error(`${place} is ${showJson(value)}, which is not valid there`);
}

/** Returns a value that is a whole number from 0. Throws an Error that names its place otherwise. */
export function asWhole(value: unknown, place: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new Error(`${place} is ${showJson(value)}; it must be a whole number from 0`);
}

/** Returns a value that is a number from 0. Throws an Error that names its place otherwise. */
export function asNumber(value: unknown, place: string): number {
  if (typeof value === 'number' && value >= 0) return value;
  throw new Error(`${place} is ${showJson(value)}; it must be a number from 0`);
}

/** A value as JSON for messages, cut after 60 characters. */
export function showJson(value: unknown): string {
  const text = JSON.stringify(value) ?? 'missing';
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
