import { ratios, type Summary, summarize } from './statistics.js';

/** What a median has to keep to. */
export interface Limit {
  kind: 'at least' | 'at most' | 'under';
  value: number;
}

/** One side of a comparison, with a value for each round. */
export interface Side {
  name: string;
  values: readonly number[];
}

/** What a benchmark has found out. A comparison's limit is one of the ratio, subject to peer. */
export type Finding =
  | { kind: 'measured'; what: string; unit: string; values: readonly number[]; limit?: Limit }
  | { kind: 'compared'; what: string; unit: string; subject: Side; peer: Side; limit?: Limit };

export type Verdict = 'pass' | 'miss' | 'no limit';

/** A finding in figures. */
export type Judged =
  | { finding: Extract<Finding, { kind: 'measured' }>; summary: Summary; verdict: Verdict }
  | { finding: Extract<Finding, { kind: 'compared' }>; subject: Summary; peer: Summary; ratio: Summary; verdict: Verdict };

/** Sums a finding up and holds its median against the limit. Throws a RangeError when it has no values. */
export function judge(finding: Finding): Judged {
  if (finding.kind === 'measured') {
    const summary = summarize(finding.values);
    return { finding, summary, verdict: verdictOf(summary, finding.limit) };
  }
  const { subject, peer, limit } = finding;
  const ratio = summarize(ratios(subject.values, peer.values));
  return { finding, subject: summarize(subject.values), peer: summarize(peer.values), ratio, verdict: verdictOf(ratio, limit) };
}

function verdictOf({ median }: Summary, limit: Limit | undefined): Verdict {
  if (limit === undefined) return 'no limit';
  return keeps(median, limit) ? 'pass' : 'miss';
}

function keeps(value: number, limit: Limit): boolean {
  switch (limit.kind) {
    case 'at least':
      return value >= limit.value;
    case 'at most':
      return value <= limit.value;
    case 'under':
      return value < limit.value;
  }
}
