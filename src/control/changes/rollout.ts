import { DcfError } from '../../core/errors.js';
import { activated, type Release, withAlias, withScale, withTraffic } from '../../registry/model/release.js';
import type { Revision } from '../../registry/model/revision.js';

/** Which calls a deployed revision gets. */
export interface Rollout {
  /** An alias to point at the revision; `undefined` for none. */
  alias: string | undefined;
  /** Percentage of the calls that name no revision; `undefined`: all of them, and the revision becomes the active one. */
  traffic: number | undefined;
  /** The revision loses its part of the calls when more than this percentage of them fail; `undefined` for no limit. */
  maxErrorRate: number | undefined;
}

/** All calls, and no alias. */
export const wholeRollout: Rollout = { alias: undefined, traffic: undefined, maxErrorRate: undefined };

/** The release that a deploy leads to. */
export interface RolloutPlan {
  release: Release;
  /** Tells the user that the rollout differs from what was asked for; `undefined` if it does not. */
  warning: string | undefined;
}

/**
 * Plans the release that a deploy leads to. Bounds that `dcf scale` set for the revision are dropped, so that those of its manifest hold.
 *
 * @param before - `undefined` for the function's first deploy
 * @throws DcfError INVALID_ARGUMENT or FAILED_PRECONDITION for a rollout that is not possible
 */
export function planRollout(before: Release | undefined, revision: Revision, rollout: Rollout, at: number): RolloutPlan {
  const { alias } = rollout;
  const plan = planTraffic(before, revision, rollout, at);
  const release = withScale(plan.release, revision.id, undefined);
  return { ...plan, release: alias === undefined ? release : withAlias(release, alias, revision.id) };
}

function planTraffic(before: Release | undefined, revision: Revision, rollout: Rollout, at: number): RolloutPlan {
  const { traffic, maxErrorRate, alias } = rollout;
  const { id } = revision;
  if (traffic === undefined && maxErrorRate !== undefined)
    throw new DcfError('INVALID_ARGUMENT', 'a limit of the error rate needs a revision that gets a part of the calls: give --traffic, too');
  if (traffic === undefined) return { release: activated(before, id, at), warning: undefined };
  if (before === undefined) {
    const warning = `this is the first deploy of ${revision.name}: it gets all calls, as there is no other revision for the rest`;
    return { release: activated(before, id, at), warning };
  }
  if (before.active === id) return { release: before, warning: `${id} is the active revision already: the traffic stays as it is` };
  if (traffic < 100 && revision.manifest.update === 'recreate')
    throw new DcfError(
      'FAILED_PRECONDITION',
      'with update: recreate only one revision runs at a time, so the traffic cannot be split: deploy without --traffic',
    );
  if (traffic === 0 && alias === undefined)
    throw new DcfError(
      'INVALID_ARGUMENT',
      'no caller could reach a revision with 0 percent of the traffic and no alias: give --alias, too',
    );
  if (traffic === 0) return { release: before, warning: undefined };
  const shares = [
    { revision: before.active, percent: 100 - traffic },
    { revision: id, percent: traffic },
  ];
  return { release: withTraffic(before, shares, maxErrorRate, at), warning: undefined };
}
