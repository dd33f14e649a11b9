import { z } from 'zod';
import { durationPattern, parseDuration, parseSize, sizePattern } from '../units.js';

// What the values of a manifest's keys are made of.

/** A duration with its unit; milliseconds once it is read. */
export function duration(fallback: string, description: string) {
  const allowed = 'a duration with its unit, such as 500ms, 30s or 5m';
  return z
    .string(allowed)
    .regex(durationPattern, allowed)
    .default(fallback)
    .transform((text) => parseDuration(text) ?? 0)
    .describe(description);
}

const batchDelayAllowed = 'auto, or a duration with its unit, such as 5ms; 0ms: never';
export const batchDelay = z
  .union([z.literal('auto'), z.string().regex(durationPattern)], batchDelayAllowed)
  .default('auto')
  .transform((given) => (given === 'auto' ? given : (parseDuration(given) ?? 0)))
  .describe(
    'How long a free worker waits for a fuller batch. auto: at most a tenth of what a batch takes, and 5ms, for callers who were there lately; 0ms: never.',
  );

const sizeAllowed = 'a size with its unit, such as 64MiB, or a number of bytes';
const givenSize = z.union([z.int(sizeAllowed).positive(sizeAllowed), z.string(sizeAllowed).regex(sizePattern, sizeAllowed)], sizeAllowed);

function toBytes(given: string | number): number {
  return typeof given === 'number' ? given : (parseSize(given) ?? 0);
}

/** A size with its unit, or a number of bytes; bytes once it is read. */
export function size(fallback: string, description: string) {
  return givenSize.default(fallback).transform(toBytes).describe(description);
}

/** https://www.debian.org/doc/debian-policy/ch-controlfields.html#source */
export const debianPackagePattern = /^[a-z0-9][a-z0-9+.-]{1,99}$/;

/** The smallest memory limit, in bytes: with less, a runtime cannot start. */
const leastMemory = 64 * 2 ** 20;

/** A size of memory in which a runtime can start; missing where nothing is said. */
export function memorySize(description: string) {
  return givenSize
    .refine((given) => toBytes(given) >= leastMemory, 'at least 64MiB')
    .transform(toBytes)
    .optional()
    .describe(description);
}

/** A whole number within bounds. */
export function count(minimum: number, maximum: number, fallback: number, description: string) {
  return z.int().min(minimum).max(maximum).default(fallback).describe(description);
}

export const identifier = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a name of letters, digits and _ that does not begin with a digit');

const sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/, '64 lower-case hexadecimal digits')
  .describe('SHA-256 of the source, as sha256sum prints it');

/** Where a resource is. */
export const resource = z.union(
  [z.string().min(1), z.strictObject({ source: z.string().min(1), sha256: sha256.optional(), unpack: z.boolean().default(false) })],
  'a path in the folder, or { source, sha256, unpack }',
);

/** A secret that a function needs. */
export const secret = z
  .union(
    [identifier, z.strictObject({ name: identifier, file: z.boolean().default(false) })],
    'the name of a secret, such as API_KEY, or { name: API_KEY, file: true }',
  )
  .transform((given) => (typeof given === 'string' ? { name: given, file: false } : given));

/** The environment variable of a secret: it has the secret's value, or the path of its file. */
export function secretVariable({ name, file }: { name: string; file: boolean }): string {
  return file ? `${name}_FILE` : name;
}

/** Bytes of labels or annotations as JSON. They are small because they are shown wherever the function is. */
const maxLabelsLength = 16 * 1024;
const labelKey = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,252}$/, 'a key of letters, digits and . _ / - with at most 253 characters');

/** Texts by key, for people and tools. */
export function labels(description: string) {
  return z
    .record(labelKey, z.string())
    .default({})
    .refine((given) => Buffer.byteLength(JSON.stringify(given)) <= maxLabelsLength, 'at most 16 KiB as JSON')
    .describe(description);
}
