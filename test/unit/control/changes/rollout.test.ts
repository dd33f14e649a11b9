import assert from 'node:assert/strict';
import test from 'node:test';
import { planRollout, type Rollout, wholeRollout } from '../../../../src/control/changes/rollout.js';
import { isFunctionName, isRevisionId, type RevisionId } from '../../../../src/core/names.js';
import { activated, type Release, withAlias, withScale } from '../../../../src/registry/model/release.js';
import type { Revision } from '../../../../src/registry/model/revision.js';
import { manifestOf } from '../../../support/registry.js';

function revisionOf(digit: string, update: 'rolling' | 'recreate' = 'rolling'): Revision {
  const [id, name] = [digit.repeat(16), 'digits'];
  assert.ok(isRevisionId(id) && isFunctionName(name));
  return { name, id, createdAt: 0, manifest: manifestOf({ name, update }), files: [], directory: '/nowhere' };
}

const [old, fresh] = [revisionOf('a'), revisionOf('b')];
const before = activated(undefined, old.id, 0);

function plan(rollout: Partial<Rollout>, on: Release | undefined = before, revision = fresh) {
  return planRollout(on, revision, { ...wholeRollout, ...rollout }, 9);
}

function sharesOf({ release }: { release: Release }): [RevisionId, number][] {
  return release.traffic.map(({ revision, percent }) => [revision, percent]);
}

test('a plain deploy makes the revision active, and an alias names it besides', () => {
  assert.deepEqual(plan({}), { release: activated(before, fresh.id, 9), warning: undefined });
  assert.deepEqual(plan({ alias: 'prod' }).release, withAlias(activated(before, fresh.id, 9), 'prod', fresh.id));
});

test('with --traffic the active revision keeps the rest', () => {
  const planned = plan({ traffic: 10, maxErrorRate: 5 });
  assert.deepEqual(sharesOf(planned), [
    [old.id, 90],
    [fresh.id, 10],
  ]);
  assert.deepEqual([planned.release.active, planned.release.maxErrorRate], [old.id, 5]);
  assert.deepEqual(plan({ traffic: 100 }).release, activated(before, fresh.id, 9));
  assert.deepEqual(plan({ traffic: 0, alias: 'next' }).release, withAlias(before, 'next', fresh.id));
});

test('what cannot be split goes to one, and the user is told', () => {
  const first = planRollout(undefined, fresh, { ...wholeRollout, traffic: 10 }, 9);
  assert.deepEqual(first.release, activated(undefined, fresh.id, 9));
  assert.match(first.warning ?? '', /first deploy of digits/);
  const same = plan({ traffic: 10 }, before, old);
  assert.deepEqual(same.release, before);
  assert.match(same.warning ?? '', /is the active revision/);
});

test('what is not possible is refused', () => {
  assert.throws(() => plan({ maxErrorRate: 5 }), { code: 'INVALID_ARGUMENT', message: /--traffic/ });
  assert.throws(() => plan({ traffic: 0 }), { code: 'INVALID_ARGUMENT', message: /give --alias/ });
  assert.throws(() => plan({ traffic: 101 }), { code: 'INVALID_ARGUMENT' });
  assert.throws(() => plan({ traffic: 10 }, before, revisionOf('c', 'recreate')), {
    code: 'FAILED_PRECONDITION',
    message: /only one revision runs/,
  });
});

test('the bounds of the manifest count again', () => {
  const scaled = withScale(withScale(before, old.id, { min: 2, max: 2 }), fresh.id, { min: 3, max: 3 });
  assert.deepEqual(plan({}, scaled).release.scale, { [old.id]: { min: 2, max: 2 } });
});
