import { asList, asNumber, asRecord, asText, asWhole, showJson } from '../../core/json.js';
import { isAliasName, isRevisionId, type RevisionId } from '../../core/names.js';
import type { Activation, CanaryStop, Release, Scale, Share } from '../model/release.js';

/** The revisions in `function.json`, against which the release is checked. The one that was activated last comes last. */
export type KnownRevisions = readonly { readonly id: RevisionId; readonly createdAt: number }[];

/**
 * Reads the release from the content of a `function.json`. Values that files of earlier versions lack are derived from the others.
 *
 * @throws Error that says what is wrong and where
 */
export function decodeRelease(root: Readonly<Record<string, unknown>>, revisions: KnownRevisions): Release {
  const asKnown = (value: unknown, place: string): RevisionId => {
    const id = asText(value, place, isRevisionId);
    if (!revisions.some((revision) => revision.id === id)) throw new Error(`${place} is ${id}, which is not among the revisions`);
    return id;
  };
  const active = asKnown(root['active'], 'active');
  const aliases = Object.entries(asRecord(root['aliases'], 'aliases')).map(([alias, id]): [string, RevisionId] => {
    if (!isAliasName(alias)) throw new Error(`aliases has ${showJson(alias)}, which is not a valid name for an alias`);
    return [alias, asKnown(id, `aliases.${alias}`)];
  });
  const scale = Object.entries(asRecord(root['scale'] ?? {}, 'scale')).map(([id, value]): [RevisionId, Scale] => {
    return [asKnown(id, `scale.${id}`), decodeScale(value, `scale.${id}`)];
  });
  const { maxErrorRate, canaryStop } = root;
  return {
    active,
    aliases: Object.fromEntries(aliases),
    traffic: decodeTraffic(root['traffic'], active, asKnown),
    history: root['history'] === undefined ? historyOf(revisions, active) : decodeHistory(root['history'], active, asKnown),
    scale: Object.fromEntries(scale),
    maxErrorRate: maxErrorRate === undefined ? undefined : asNumber(maxErrorRate, 'maxErrorRate'),
    canaryStop: canaryStop === undefined ? undefined : decodeStop(canaryStop),
  };
}

type AsKnown = (value: unknown, place: string) => RevisionId;

function decodeTraffic(value: unknown, active: RevisionId, asKnown: AsKnown): Share[] {
  const traffic = asList(value, 'traffic').map((share, index): Share => {
    const place = `traffic[${index}]`;
    const { revision, percent } = asRecord(share, place);
    return { revision: asKnown(revision, `${place}.revision`), percent: asWhole(percent, `${place}.percent`) };
  });
  if (traffic.length === 0) return traffic;
  const sum = traffic.reduce((total, { percent }) => total + percent, 0);
  if (sum !== 100) throw new Error(`the shares of traffic sum up to ${sum}; they must sum up to 100`);
  if (!traffic.some(({ revision }) => revision === active)) throw new Error(`traffic has no share of ${active}, the active revision`);
  return traffic;
}

function decodeHistory(value: unknown, active: RevisionId, asKnown: AsKnown): Activation[] {
  const history = asList(value, 'history').map((activation, index): Activation => {
    const place = `history[${index}]`;
    const { revision, at } = asRecord(activation, place);
    return { revision: asKnown(revision, `${place}.revision`), at: asWhole(at, `${place}.at`) };
  });
  if (history.at(-1)?.revision !== active) throw new Error(`history does not end with ${active}, the active revision`);
  return history;
}

/** Makes a history for a file without one: its revisions are in the order in which they were activated. */
function historyOf(revisions: KnownRevisions, active: RevisionId): Activation[] {
  const others = revisions.filter(({ id }) => id !== active);
  const last = revisions.filter(({ id }) => id === active);
  return [...others, ...last].map(({ id, createdAt }) => ({ revision: id, at: createdAt }));
}

function decodeScale(value: unknown, place: string): Scale {
  const record = asRecord(value, place);
  const min = asWhole(record['min'], `${place}.min`);
  const max = asWhole(record['max'], `${place}.max`);
  if (max < 1 || max < min) throw new Error(`${place} has min ${min} and max ${max}; max must be at least 1, and at least min`);
  return { min, max };
}

/** Reads a canary stop. It is information for people, and may name a revision that is not kept any more. */
function decodeStop(value: unknown): CanaryStop {
  const record = asRecord(value, 'canaryStop');
  return {
    revision: asText(record['revision'], 'canaryStop.revision', isRevisionId),
    at: asWhole(record['at'], 'canaryStop.at'),
    calls: asWhole(record['calls'], 'canaryStop.calls'),
    errors: asWhole(record['errors'], 'canaryStop.errors'),
    maxErrorRate: asNumber(record['maxErrorRate'], 'canaryStop.maxErrorRate'),
  };
}
