const durationUnits = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const sizeUnits = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 } as const;

/** The pattern of durations: a number and its unit. */
export const durationPattern = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;
/** The pattern of sizes: a number and its unit, binary (`MiB`) or decimal (`MB`). */
export const sizePattern = /^(\d+(?:\.\d+)?)(B|KiB|MiB|GiB|TiB|KB|MB|GB|TB)$/;

function isUnitOf<Units extends object>(units: Units, unit: string): unit is keyof Units & string {
  return Object.hasOwn(units, unit);
}

/** Reads a duration such as `30s` or `1.5m`. Returns milliseconds; `undefined` if `text` is not a duration. */
export function parseDuration(text: string): number | undefined {
  const [, number, unit] = durationPattern.exec(text) ?? [];
  if (number === undefined || unit === undefined || !isUnitOf(durationUnits, unit)) return undefined;
  return Number(number) * durationUnits[unit];
}

/** Reads a size such as `64MiB`. Returns whole bytes; `undefined` if `text` is not a size. */
export function parseSize(text: string): number | undefined {
  const [, number, unit] = sizePattern.exec(text) ?? [];
  if (number === undefined || unit === undefined || !isUnitOf(sizeUnits, unit)) return undefined;
  return Math.floor(Number(number) * sizeUnits[unit]);
}

/** A size in bytes for people: `1.5 MiB`; below 1 KiB it is exact. */
export function formatSize(bytes: number): string {
  let value = bytes;
  let unit = 'B';
  for (const next of ['KiB', 'MiB', 'GiB', 'TiB']) {
    if (value < 1024) break;
    value /= 1024;
    unit = next;
  }
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${unit}`;
}

/** A duration in milliseconds for people: `0.4 ms`, `12 ms`, `1.3 s`, `5m 20s`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 10) return `${Number(milliseconds.toFixed(1))} ms`;
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${Number((milliseconds / 1000).toFixed(1))} s`;
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${seconds % 60}s`;
  return `${Math.floor(seconds / 3600)}h ${Math.floor((seconds % 3600) / 60)}m`;
}
