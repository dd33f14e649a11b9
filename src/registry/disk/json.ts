/** An object, or an error that names its place. */
export function asRecord(value: unknown, place: string): Record<string, unknown> {
  if (isRecord(value)) return value;
  throw new Error(`${place} is ${showJson(value)}, and no object`);
}

/** Whether a JSON value is an object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A list, or an error that names its place. */
export function asList(value: unknown, place: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new Error(`${place} is ${showJson(value)}, and no list`);
}

/** A text for which `is` holds, or an error that names its place. */
export function asText<Text extends string>(value: unknown, place: string, is: (text: string) => text is Text): Text {
  if (typeof value === 'string' && is(value)) return value;
  throw new Error(`${place} is ${showJson(value)}`);
}

/** A whole number from 0, or an error that names its place. */
export function asWhole(value: unknown, place: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new Error(`${place} is ${showJson(value)}, and no whole number`);
}

/** A number from 0, or an error that names its place. */
export function asNumber(value: unknown, place: string): number {
  if (typeof value === 'number' && value >= 0) return value;
  throw new Error(`${place} is ${showJson(value)}, and no number from 0`);
}

/** A value as JSON, cut for messages. */
export function showJson(value: unknown): string {
  const text = JSON.stringify(value) ?? 'missing';
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
