import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startDaemon } from '../support/daemon.js';
import { deploySource, versionSource } from '../support/functions.js';
import { eventually, processesIn } from '../support/processes.js';
import { runCli } from '../support/programs.js';

const owner = { after };
const daemon = await startDaemon(owner);

test('dcf scale changes the replicas, also after a restart, until the next deploy', async (t) => {
  const own = await startDaemon(t);
  const { revision } = await deploySource(t, own, 'scaled', versionSource(1));
  const scaled = await runCli(['scale', 'scaled', '--min', '2', '--max', '4'], { url: own.url });
  assert.deepEqual([scaled.code, scaled.stdout], [0, `scaled@${revision} has 2 to 4 replicas\n`], scaled.stderr);
  await eventually('two run', () => processesIn(own.data).length === 2);
  await own.stop('SIGKILL');
  const next = await startDaemon(t, { data: own.data });
  assert.equal(processesIn(next.data).length, 2);
  const [described] = (await next.control.describe('scaled')).revisions;
  assert.deepEqual([described?.minReplicas, described?.maxReplicas, described?.readyReplicas], [2, 4, 2]);
  assert.equal((await deploySource(t, next, 'scaled', versionSource(1))).changed, true, 'the same package brings back its own bounds');
  await eventually('one is left', async () => (await next.control.describe('scaled')).replicas.length === 1);
  const [after] = (await next.control.describe('scaled')).revisions;
  assert.deepEqual([after?.minReplicas, after?.maxReplicas], [1, 1]);
});

test('one bound alone takes the other along where it has to', async (t) => {
  await deploySource(t, daemon, 'bound', versionSource(1), { replicas: { min: 1, max: 2 } });
  const bounds = async (given: { min?: number; max?: number }) => {
    const { min, max } = await daemon.control.scale('bound', given);
    return [min, max];
  };
  assert.deepEqual(await bounds({ min: 3 }), [3, 3]);
  assert.deepEqual(await bounds({ max: 1 }), [1, 1]);
  assert.deepEqual(await bounds({ max: 5 }), [1, 5]);
  assert.deepEqual(await bounds({ min: 0 }), [0, 5]);
  assert.deepEqual(await bounds({ min: 0, max: 1 }), [0, 1]);
});

test('bounds that are not possible change nothing', async (t) => {
  await deploySource(t, daemon, 'fixed', versionSource(1));
  for (const bounds of [{ min: 3, max: 2 }, { max: 0 }, { min: 1025 }])
    await assert.rejects(daemon.control.scale('fixed', bounds), {
      code: 'INVALID_ARGUMENT',
      message: /replicas are not possible; allowed/,
    });
  await assert.rejects(daemon.control.scale('nobody', { min: 1 }), { code: 'NOT_FOUND' });
  const [described] = (await daemon.control.describe('fixed')).revisions;
  assert.deepEqual([described?.minReplicas, described?.maxReplicas], [1, 1]);
});
