import assert from 'node:assert/strict';
import { daemonFaults } from '../../support/faults/fault-matrix.js';
import {
  answer,
  type Change,
  deployVersions,
  expectedOfKill,
  faultOfKill,
  killAt,
  killedAtEachPoint,
  name,
  pointsOf,
  restarted,
  startingSteps,
  version,
} from '../../support/faults/killed-change.js';
import { deploySource } from '../../support/functions.js';

function deploying(update: 'rolling' | 'recreate', steps: readonly string[]): Change {
  return {
    steps,
    begin: (scene, daemon) => deployVersions(scene, daemon, 'first'),
    next: (_before, turn) => `deploy ${turn}`,
    make: (scene, daemon, next, _revisions, onProgress) => {
      const { source, settings } = version(next);
      return deploySource(scene, daemon, name, source, { ...settings, update, onProgress });
    },
    see: (client) => answer(client),
  };
}

const changes: Readonly<Record<string, Change>> = {
  'a deploy': deploying('rolling', ['receive', ...startingSteps]),
  'a deploy with `update: recreate`': deploying('recreate', ['receive', 'prepare', 'drain', 'start', 'switch']),
};

daemonFaults('The daemon is killed in a deploy', (row) => {
  for (const [what, change] of Object.entries(changes)) {
    row(faultOfKill(what, change), expectedOfKill, (scene) => killedAtEachPoint(scene, change));
  }

  const first = deploying('rolling', ['receive', ...startingSteps]);
  row(
    '`kill -9` of the daemon in the first deploy of a function, at the same points',
    'The function is there, whole, or is not; no process and no half-written file is left; it can be deployed',
    async (scene) => {
      let daemon = await scene.startDaemon();
      for (const [turn, point] of pointsOf(first.steps).entries()) {
        const wanted = first.next('', turn);
        await killAt(daemon, point, (onProgress) => first.make(scene, daemon, wanted, {}, onProgress));
        daemon = await restarted(scene, daemon.data);
        const { code, text } = await scene.connect(daemon.url).invoke(name, '');
        assert.ok(code === 'NOT_FOUND' ? !point.done : text === wanted, `${point.step}: ${code} ${text}`);
        if (code === 'OK') await daemon.control.delete(name);
      }
      await first.make(scene, daemon, 'whole', {}, () => undefined);
      assert.equal(await first.see(scene.connect(daemon.url)), 'whole');
    },
  );
});
