import { DcfError } from '../../core/errors.js';
import { activated, type Release, withAlias, withScale, withTraffic } from '../../registry/model/release.js';
import type { Revision } from '../../registry/model/revision.js';

/** Which calls a revision that is deployed gets. */
export interface Rollout {
  /** To be pointed at it. */
  alias: string | undefined;
  /** Percent of the calls that name no revision; `undefined`: all, and it becomes the active one. */
  traffic: number | undefined;
  /** Percent of failed calls beyond which it loses its part of them. */
  maxErrorRate: number | undefined;
}

/** All calls, and no alias. */
export const wholeRollout: Rollout = { alias: undefined, traffic: undefined, maxErrorRate: undefined };

export interface RolloutPlan {
  release: Release;
  /** What the user should know, where it does not go as asked. */
  warning: string | undefined;
}

/**
 * What a deploy makes of a function. The bounds that `dcf scale` gave the revision go: its manifest counts again.
 *
 * @param before - `undefined` for the function's first deploy
 * @throws DcfError INVALID_ARGUMENT, FAILED_PRECONDITION for what cannot be brought about
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
    throw new DcfError('INVALID_ARGUMENT', 'an error rate is the limit of a revision that gets a part of the calls: give --traffic, too');
  if (traffic === undefined) return { release: activated(before, id, at), warning: undefined };
  if (before === undefined) {
    const warning = `this is the first deploy of ${revision.name}: it gets all calls, for there is no other revision that could take the rest`;
    return { release: activated(before, id, at), warning };
  }
  if (before.active === id) return { release: before, warning: `${id} is the active revision: the traffic stays as it is` };
  if (traffic < 100 && revision.manifest.update === 'recreate')
    throw new DcfError('FAILED_PRECONDITION', 'update: recreate leaves no room for two revisions, so there is no traffic to split');
  if (traffic === 0 && alias === undefined)
    throw new DcfError('INVALID_ARGUMENT', 'nothing would ever call a revision with 0 percent of the traffic; give it an alias, too');
  if (traffic === 0) return { release: before, warning: undefined };
  const shares = [
    { revision: before.active, percent: 100 - traffic },
    { revision: id, percent: traffic },
  ];
  return { release: withTraffic(before, shares, maxErrorRate, at), warning: undefined };
}
