import assert from 'node:assert/strict';
import { faults } from '../../support/faults/fault-matrix.js';
import type { DaemonScene, Expected } from '../../support/faults/scene.js';
import { call, nestingSource, type Plan, through } from '../../support/nesting.js';
import { eventually } from '../../support/processes.js';

const answer = { do: 'answer', text: 'here' } as const;

/** Deploys functions that follow plans; the first is the one under fault. */
async function deploy(scene: DaemonScene, names: readonly string[], concurrency = 1): Promise<void> {
  for (const name of names) await scene.deploy(nestingSource, { name, concurrency });
}

/** The call fails so, again and again; nothing is left of it, and each function has its first replica and answers. */
async function failsAndLives(scene: DaemonScene, names: readonly string[], plan: Plan, expected: Expected): Promise<void> {
  const replicas = await Promise.all(names.map((name) => scene.replicas(name)));
  await scene.throughout(() => scene.expect(JSON.stringify(plan), expected));
  assert.deepEqual(await Promise.all(names.map((name) => scene.replicas(name))), replicas);
  for (const name of names) assert.equal((await scene.callOf(name, JSON.stringify(answer))).text, 'here');
}

faults('Functions that call functions', {}, (row) => {
  row('A Handler calls a function that there is not', 'NOT_FOUND, which names it', async (scene) => {
    await deploy(scene, ['a']);
    await failsAndLives(scene, ['a'], call('nobody', answer), { code: 'NOT_FOUND', details: /^nobody: there is no function nobody$/ });
  });

  row('A Handler calls its own function, which has no free slot', 'ABORTED at once, which says who waits for whom', async (scene) => {
    await deploy(scene, ['a']);
    await failsAndLives(scene, ['a'], call('a', answer), {
      code: 'ABORTED',
      details: /^a: deadlock: every slot is held.*\(a waits for a\)/,
    });
  });

  row('Handlers call each other round a circle of three functions', 'ABORTED at once, which shows the circle', async (scene) => {
    const names = ['a', 'b', 'c'];
    await deploy(scene, names);
    await failsAndLives(scene, names, through(['b', 'c', 'a'], answer), { code: 'ABORTED', details: /^b: c: a: .*c waits for a/ });
  });

  row('Calls within calls go on without end', 'FAILED_PRECONDITION at the seventeenth, which shows the chain', async (scene) => {
    await deploy(scene, ['a'], 32);
    const endless = through(
      Array.from({ length: 16 }, () => 'a'),
      answer,
    );
    await failsAndLives(scene, ['a'], endless, { code: 'FAILED_PRECONDITION', details: /16 deep at most.*(a → ){16}a$/ });
  });

  row(
    'The worker of the function that is called dies',
    'The Handler that called it gets INTERNAL and how it ended, and can answer',
    async (scene) => {
      await deploy(scene, ['a', 'b']);
      const before = await scene.replicas('a');
      const reply = await scene.call(JSON.stringify({ do: 'catch', call: call('b', { do: 'exit' }) }));
      assert.equal(reply.code, 'OK', reply.details);
      assert.match(reply.text, /"code":"INTERNAL","message":"b: the worker died/);
      assert.deepEqual(await scene.replicas('a'), before);
    },
  );

  row('The worker that called another function dies', 'INTERNAL with the reason; what it had called is cancelled', async (scene) => {
    await deploy(scene, ['a', 'b']);
    const waiting = scene.call(JSON.stringify(call('b', { do: 'wait', flag: '/nowhere/at/all' })), { timeoutMs: 30_000 });
    await eventually('the inner call runs', async () => (await scene.daemon.control.describe('b')).running === 1);
    process.kill(await scene.replica(), 'SIGKILL');
    const { code, reason } = await waiting;
    assert.deepEqual([code, reason], ['INTERNAL', 'signal:SIGKILL']);
    await eventually('the inner call has ended', async () => (await scene.daemon.control.describe('b')).running === 0);
  });

  row(
    'A Handler makes more calls at once than the other function queues',
    'RESOURCE_EXHAUSTED for those; the others are answered',
    async (scene) => {
      await deploy(scene, ['a', 'b']);
      const calls = Array.from({ length: 1_000 }, () => call('b', answer));
      const { text, details } = await scene.call(JSON.stringify({ do: 'all', calls }), { timeoutMs: 30_000 });
      assert.notEqual(text, '', details);
      const codes: string[] = JSON.parse(text);
      assert.deepEqual([codes.length, [...new Set(codes)].toSorted()], [1_000, ['OK', 'RESOURCE_EXHAUSTED']]);
      assert.ok(codes.filter((code) => code === 'OK').length >= 256, 'the queue is used');
    },
  );
});
