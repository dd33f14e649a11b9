import { DcfError } from '../../core/errors.js';
import { aliasNameProblem, type FunctionName, isAliasName, isRevisionId, type RevisionId } from '../../core/names.js';
import { type FunctionRecord, releaseOf } from '../../registry/model/function-record.js';
import {
  activated,
  aliased,
  canaryStopped,
  type Release,
  rolledBack,
  type Scale,
  withAlias,
  withoutAlias,
  withScale,
  withTraffic,
} from '../../registry/model/release.js';
import type { Registry } from '../../registry/registry.js';
import type { ErrorCount } from '../live/canary.js';
import type { LiveFunctions } from '../live/functions.js';
import type { Activator } from './activator.js';
import type { ChangeResult } from './deployer.js';
import type { KeyedMutex } from './keyed-mutex.js';
import { type Progress, tellStack } from './progress.js';

export interface ReleaserOptions {
  registry: Registry;
  functions: LiveFunctions;
  activator: Activator;
  changes: KeyedMutex;
}

/** A revision's part of the calls, as a user gives it. */
export interface GivenShare {
  /** A revision, or an alias of one. */
  target: string;
  percent: number;
}

const maxReplicas = 1024;

/** Changes which of the stored revisions get calls, and how many replicas they have. */
export class Releaser {
  constructor(private readonly options: ReleaserOptions) {}

  /**
   * Goes back to the release before.
   *
   * @param to - the revision or alias to go back to instead
   * @throws DcfError NOT_FOUND, FAILED_PRECONDITION or ABORTED; everything then stays as it was
   */
  rollback(name: FunctionName, to: string | undefined, progress: Progress): Promise<ChangeResult> {
    return this.change(name, progress, (record) => {
      const before = releaseOf(record);
      const now = Date.now();
      const next = to === undefined ? rolledBack(before, now) : activated(before, revisionNamed(record, to), now);
      return { next, wanted: [next.active] };
    });
  }

  /**
   * Points an alias at a revision, which runs from then on, or removes the alias.
   *
   * @param target - a revision or an alias; `undefined` to remove the alias
   * @throws DcfError INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION or ABORTED; everything then stays as it was
   */
  setAlias(name: FunctionName, alias: string, target: string | undefined, progress: Progress): Promise<ChangeResult> {
    return this.change(name, progress, (record) => {
      const before = releaseOf(record);
      if (!isAliasName(alias)) throw new DcfError('INVALID_ARGUMENT', aliasNameProblem(alias));
      if (target !== undefined) {
        const revision = revisionNamed(record, target);
        return { next: withAlias(before, alias, revision), wanted: [revision] };
      }
      if (aliased(before, alias) === undefined) throw new DcfError('NOT_FOUND', `${name} has no alias ${alias}`);
      return { next: withoutAlias(before, alias), wanted: [] };
    });
  }

  /**
   * Splits the calls that name no revision. An alias stands for the revision that it names now.
   *
   * @param maxErrorRate - a revision beside the active one loses its share when more than this percentage of its calls fail
   * @throws DcfError INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION or ABORTED; everything then stays as it was
   */
  setTraffic(
    name: FunctionName,
    given: readonly GivenShare[],
    maxErrorRate: number | undefined,
    progress: Progress,
  ): Promise<ChangeResult> {
    return this.change(name, progress, (record) => {
      const shares = given.map(({ target, percent }) => ({ revision: revisionNamed(record, target), percent }));
      const next = withTraffic(releaseOf(record), shares, maxErrorRate, Date.now());
      return { next, wanted: shares.filter(({ percent }) => percent > 0).map(({ revision }) => revision) };
    });
  }

  /**
   * Changes the bounds for the number of replicas of the active revision, until it is deployed again.
   *
   * @throws DcfError INVALID_ARGUMENT, NOT_FOUND or ABORTED; everything then stays as it was
   */
  scale(name: FunctionName, given: Partial<Scale>): Promise<Scale> {
    const { changes, registry, functions } = this.options;
    return changes.run(name, async () => {
      const record = this.record(name);
      const { id } = record.active;
      const scale = scaleOf(record, given);
      functions.adopt(await registry.release(name, withScale(releaseOf(record), id, scale)));
      functions.scale(name, id);
      return scale;
    });
  }

  /**
   * Removes the share of a canary of which too many calls have failed. It gets no calls any more; this also writes it to disk.
   *
   * @returns false if the revision has lost its share already by another change
   */
  async stopCanary(name: FunctionName, revision: RevisionId, count: ErrorCount): Promise<boolean> {
    const { changes, registry, activator } = this.options;
    return changes.whenFree(name, async () => {
      const record = registry.get(name);
      if (record?.maxErrorRate === undefined || record.active.id === revision) return false;
      if (!record.traffic.some((share) => share.revision === revision)) return false;
      const stop = { revision, at: Date.now(), ...count, maxErrorRate: record.maxErrorRate };
      const silent: Progress = { emit: () => undefined, signal: new AbortController().signal };
      await activator.change(name, canaryStopped(releaseOf(record), stop), [], silent);
      return true;
    });
  }

  private change(
    name: FunctionName,
    progress: Progress,
    plan: (record: FunctionRecord) => { next: Release; wanted: readonly RevisionId[] },
  ): Promise<ChangeResult> {
    const { changes, activator, functions } = this.options;
    return changes.run(name, async () => {
      const record = this.record(name);
      const { next, wanted } = plan(record);
      const result = { function: name, revision: next.active };
      const live = functions.find(name);
      const same = JSON.stringify(next) === JSON.stringify(releaseOf(record));
      if (same && wanted.every((id) => live?.isAvailable(id))) return { ...result, changed: false };
      try {
        await activator.change(name, next, wanted, progress);
      } catch (error) {
        tellStack(progress, error);
        throw error;
      }
      return { ...result, changed: true };
    });
  }

  private record(name: FunctionName): FunctionRecord {
    const record = this.options.registry.get(name);
    if (record === undefined) throw new DcfError('NOT_FOUND', `there is no function ${name}`);
    return record;
  }
}

/** The revision that a user names by its id or an alias. @throws DcfError NOT_FOUND */
function revisionNamed(record: FunctionRecord, text: string): RevisionId {
  const id = isRevisionId(text) ? text : aliased(record, text);
  if (id !== undefined && record.revisions.some((revision) => revision.id === id)) return id;
  const shown = JSON.stringify(text.slice(0, 80));
  throw new DcfError('NOT_FOUND', `${record.name} has no revision and no alias ${shown}; "dcf describe ${record.name}" lists them`);
}

function scaleOf(record: FunctionRecord, { min, max }: Partial<Scale>): Scale {
  const { replicas } = record.active.manifest;
  const before = record.scale[record.active.id] ?? { min: replicas.min, max: replicas.max };
  // A bound that is given alone moves the other one if they would contradict each other.
  const scale = {
    min: min ?? Math.min(before.min, max ?? before.min),
    max: max ?? Math.max(before.max, min ?? before.max, 1),
  };
  const whole = [scale.min, scale.max].every((count) => Number.isInteger(count) && count >= 0 && count <= maxReplicas);
  if (!whole || scale.max < 1 || scale.min > scale.max) {
    const message = `${scale.min} to ${scale.max} replicas are not possible; allowed: min from 0, max from 1, both to ${maxReplicas}, and min not above max`;
    throw new DcfError('INVALID_ARGUMENT', message);
  }
  return scale;
}
