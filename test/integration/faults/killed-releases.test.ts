import type { TestDaemon } from '../../support/daemon.js';
import { daemonFaults } from '../../support/faults/fault-matrix.js';
import {
  answer,
  type Change,
  deployVersions,
  expectedOfKill,
  faultOfKill,
  killedAtEachPoint,
  name,
  type OnProgress,
  startingSteps,
  toggled,
} from '../../support/faults/killed-change.js';

const changes: Readonly<Record<string, Change>> = {
  'a rollback': {
    steps: startingSteps,
    begin: (scene, daemon) => deployVersions(scene, daemon, 'a', 'b'),
    next: toggled('a', 'b'),
    make: (_scene, { control }, _next, _revisions, onProgress) => control.rollback(name, { onProgress }),
    see: (client) => answer(client),
  },
  'a change of an alias': {
    steps: startingSteps,
    begin: async (scene, daemon) => {
      const revisions = await deployVersions(scene, daemon, 'a', 'b', 'active');
      await daemon.control.setAlias(name, 'prod', revisions['a'] ?? '');
      return revisions;
    },
    next: toggled('a, active', 'b, active'),
    make: (_scene, { control }, next, revisions, onProgress) =>
      control.setAlias(name, 'prod', revisions[next.charAt(0)] ?? '', { onProgress }),
    see: async (client) => [await answer(client, { 'dcf-alias': 'prod' }), await answer(client)].join(', '),
  },
  'a change of the traffic': {
    steps: startingSteps,
    begin: async (scene, daemon) => {
      const revisions = await deployVersions(scene, daemon, 'a', 'b', 'active');
      await split(daemon, revisions, 'a', () => undefined);
      return revisions;
    },
    next: toggled('a, active', 'b, active'),
    make: (_scene, daemon, next, revisions, onProgress) => split(daemon, revisions, next.charAt(0), onProgress),
    // Each gets every other call, and either may be the first.
    see: async (client) => [await answer(client), await answer(client)].sort((one, other) => one.length - other.length).join(', '),
  },
};

/** Gives a revision half of the calls. */
function split({ control }: TestDaemon, revisions: Readonly<Record<string, string>>, text: string, onProgress: OnProgress) {
  const shares = ['active', text].map((target) => ({ target: revisions[target] ?? '', percent: 50 }));
  return control.setTraffic(name, shares, { onProgress });
}

daemonFaults('The daemon is killed in a change of a release', (row) => {
  for (const [what, change] of Object.entries(changes)) {
    row(faultOfKill(what, change), expectedOfKill, (scene) => killedAtEachPoint(scene, change));
  }
});
