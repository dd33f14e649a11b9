/** Some measurements of one thing. */
export interface Summary {
  median: number;
  min: number;
  max: number;
}

/** The middle one; between the two middle ones where there is an even number. Throws a RangeError when there is none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  if (upper === undefined || lower === undefined) throw new RangeError('there is no median of nothing');
  return (lower + upper) / 2;
}

/** Throws a RangeError when there is nothing to sum up. */
export function summarize(values: readonly number[]): Summary {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/**
 * What `subject` is to `peer`, round by round: what slows the machine down for a while slows both sides of a round.
 *
 * @throws RangeError when the two have not the same number of rounds
 */
export function ratios(subject: readonly number[], peer: readonly number[]): number[] {
  if (subject.length !== peer.length) throw new RangeError(`${subject.length} rounds cannot be compared with ${peer.length}`);
  return subject.map((value, round) => value / (peer[round] ?? Number.NaN));
}

/** The least value that is not below `share` (0..1) of all: the nearest rank. Throws a RangeError when there is none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const found = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (found === undefined) throw new RangeError('there is no percentile of nothing');
  return found;
}
