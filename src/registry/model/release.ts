import { DcfError } from '../../core/errors.js';
import type { RevisionId } from '../../core/names.js';

/** A part of the calls that name no revision. */
export interface Share {
  readonly revision: RevisionId;
  /** A whole number, 1 to 100. */
  readonly percent: number;
}

/** The least and the most replicas of a revision, when they are not those of its manifest. */
export interface Scale {
  readonly min: number;
  readonly max: number;
}

/** A revision became the active one. */
export interface Activation {
  readonly revision: RevisionId;
  /** Unix milliseconds. */
  readonly at: number;
}

/** A revision lost its share of the calls, because too many of them failed. */
export interface CanaryStop {
  readonly revision: RevisionId;
  /** Unix milliseconds. */
  readonly at: number;
  /** The calls that were counted, and how many of them failed. */
  readonly calls: number;
  readonly errors: number;
  /** The limit, as a percentage of failed calls. */
  readonly maxErrorRate: number;
}

/** Which revisions of a function get which calls. It is immutable: each function below returns a new one. */
export interface Release {
  readonly active: RevisionId;
  readonly aliases: Readonly<Record<string, RevisionId>>;
  /** Empty: every call goes to the active revision. Otherwise at least two shares, the active revision's among them. */
  readonly traffic: readonly Share[];
  /** The activations, oldest first; the last one is that of the active revision. */
  readonly history: readonly Activation[];
  readonly scale: Readonly<Record<RevisionId, Scale>>;
  /** Percentage of failed calls above which a revision that is not the active one loses its share; `undefined`: no limit. */
  readonly maxErrorRate: number | undefined;
  /** The canary that lost its share, and why; `undefined` after the next change of the traffic. */
  readonly canaryStop: CanaryStop | undefined;
}

/** How many activations are kept: `function.json` must not grow without limit. */
const keptActivations = 50;

/** The revisions among which a release distributes the calls that name no revision, the active one first. */
export function sharersIn({ active, traffic }: Release): RevisionId[] {
  return [...new Set([active, ...traffic.map((share) => share.revision)])];
}

/** The revisions that have to run for a release, each once and the active one first. */
export function revisionsIn(release: Release): RevisionId[] {
  return [...new Set([...sharersIn(release), ...Object.values(release.aliases)])];
}

/** Makes a revision the active one, which gets every call that names no revision. @param at - Unix milliseconds */
export function activated(before: Release | undefined, revision: RevisionId, at: number): Release {
  const history = before?.history ?? [];
  return {
    active: revision,
    aliases: before?.aliases ?? {},
    traffic: [],
    history: history.at(-1)?.revision === revision ? history : [...history, { revision, at }].slice(-keptActivations),
    scale: before?.scale ?? {},
    maxErrorRate: undefined,
    canaryStop: undefined,
  };
}

/** The revision that was active before the current one; `undefined` when there was none. */
export function revisionBefore({ active, history }: Release): RevisionId | undefined {
  return history.findLast(({ revision }) => revision !== active)?.revision;
}

/**
 * Rolls back. While the traffic is split, all of it goes back to the active revision; otherwise the revision that was active before
 * becomes active again. That is a normal activation, so a second rollback leads forward again.
 *
 * @throws DcfError FAILED_PRECONDITION when there is nothing to go back to
 */
export function rolledBack(before: Release, at: number): Release {
  if (before.traffic.length > 0) return activated(before, before.active, at);
  const revision = revisionBefore(before);
  if (revision === undefined)
    throw new DcfError('FAILED_PRECONDITION', `${before.active} is the only revision that was ever active: there is none to roll back to`);
  return activated(before, revision, at);
}

/**
 * Splits the calls that name no revision. When the active revision gets no share, the revision with the largest one becomes active.
 * When one revision gets all calls, it becomes active, and the traffic is not split.
 *
 * @throws DcfError INVALID_ARGUMENT for shares that are not whole percentages, do not sum up to 100, or name a revision twice, and for
 *   an error rate outside its range or without a split
 */
export function withTraffic(before: Release, given: readonly Share[], maxErrorRate: number | undefined, at: number): Release {
  for (const { revision, percent } of given) {
    if (!Number.isInteger(percent) || percent < 0 || percent > 100)
      throw new DcfError('INVALID_ARGUMENT', `the share of ${revision} is ${percent}; allowed: a whole number of percent, 0 to 100`);
  }
  const sum = given.reduce((total, { percent }) => total + percent, 0);
  if (sum !== 100) throw new DcfError('INVALID_ARGUMENT', `the shares sum up to ${sum} percent; allowed: 100`);
  const twice = given.find(({ revision }, index) => given.findIndex((other) => other.revision === revision) !== index);
  if (twice !== undefined) throw new DcfError('INVALID_ARGUMENT', `${twice.revision} has two shares; allowed: one for each revision`);
  const traffic = given.filter(({ percent }) => percent > 0);
  const main = traffic.find(({ revision }) => revision === before.active) ?? largest(traffic);
  const release = activated(before, main?.revision ?? before.active, at);
  if (traffic.length > 1) return { ...release, traffic, maxErrorRate: checkedErrorRate(maxErrorRate) };
  if (maxErrorRate !== undefined)
    throw new DcfError(
      'INVALID_ARGUMENT',
      'an error rate is the limit of a revision that gets a part of the calls, and here one revision gets every call: leave it out',
    );
  return release;
}

/** Gives the share of a canary that failed too often to the active revision. */
export function canaryStopped(before: Release, stop: CanaryStop): Release {
  const share = before.traffic.find(({ revision }) => revision === stop.revision)?.percent ?? 0;
  const others = before.traffic.filter(({ revision }) => revision !== stop.revision);
  const traffic = others.map((other) => (other.revision === before.active ? { ...other, percent: other.percent + share } : other));
  const split = traffic.length > 1;
  return { ...before, traffic: split ? traffic : [], maxErrorRate: split ? before.maxErrorRate : undefined, canaryStop: stop };
}

/** Points an alias at a revision. */
export function withAlias(before: Release, alias: string, revision: RevisionId): Release {
  return { ...before, aliases: { ...before.aliases, [alias]: revision } };
}

/** Takes an alias away. */
export function withoutAlias(before: Release, alias: string): Release {
  return { ...before, aliases: Object.fromEntries(Object.entries(before.aliases).filter(([name]) => name !== alias)) };
}

/** The revision that an alias names; `undefined` when there is no such alias. */
export function aliased({ aliases }: Pick<Release, 'aliases'>, alias: string): RevisionId | undefined {
  return Object.hasOwn(aliases, alias) ? aliases[alias] : undefined;
}

/** Sets the bounds of a revision's replicas; `undefined` sets those of its manifest again. */
export function withScale(before: Release, revision: RevisionId, scale: Scale | undefined): Release {
  const others = Object.entries(before.scale).filter(([id]) => id !== revision);
  return { ...before, scale: Object.fromEntries(scale === undefined ? others : [...others, [revision, scale]]) };
}

/** Removes history and bounds of revisions that are not kept any more. */
export function pruned<Pruned extends Release>(release: Pruned, kept: ReadonlySet<string>): Pruned {
  return {
    ...release,
    history: release.history.filter(({ revision }) => kept.has(revision)),
    scale: Object.fromEntries(Object.entries(release.scale).filter(([id]) => kept.has(id))),
  };
}

function largest(shares: readonly Share[]): Share | undefined {
  return shares.reduce<Share | undefined>((most, share) => (most === undefined || share.percent > most.percent ? share : most), undefined);
}

function checkedErrorRate(percent: number | undefined): number | undefined {
  if (percent === undefined || (percent >= 0 && percent < 100)) return percent;
  throw new DcfError('INVALID_ARGUMENT', `the largest error rate is ${percent}; allowed: percent, from 0 to below 100`);
}
