import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { Spawner } from '../../../../src/process/spawner/spawner.js';
import { directStarter, type Starter } from '../../../../src/process/spawner/starter.js';
import { createPool, failureOf, holding, letGo, startPool, startsIn } from '../../../support/pool.js';
import { eventually, isAlive } from '../../../support/processes.js';
import { built } from '../../../support/programs.js';

const skip = process.platform === 'linux' ? false : 'only Linux tells whose child a process is';

/** A spawner that takes orders, and how often one of its processes has ended by itself. */
async function startSpawner(t: TestContext): Promise<{ spawner: Spawner; endings: (number | undefined)[] }> {
  const endings: (number | undefined)[] = [];
  const spawner = new Spawner((pid) => endings.push(pid));
  t.after(() => spawner.close());
  await eventually('the spawner is up', () => spawner.starter !== directStarter);
  return { spawner, endings };
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
}

const exiting = `
export class Handler {
  call(request) {
    const text = request.text();
    console.log('had ' + text);
    if (text === 'exit') process.exit(7);
    return text;
  }
}`;

test('a spawner starts the replicas: what they print, answer and exit with is as ever', { skip }, async (t) => {
  const { spawner } = await startSpawner(t);
  const { pool, call, line } = await startPool(t, exiting, { starter: () => spawner.starter });
  const [replica] = pool.snapshot().replicas;
  assert.notEqual(parentOf(replica?.pid ?? 0), process.pid);
  assert.equal(await call('hello').text, 'hello');
  await line(/^had hello$/);
  assert.equal(failureOf(await call('exit').outcome).reason, 'exit:7');
  assert.equal(await call('again').text, 'again');
});

test('a program that cannot be started is an error that says so, and no reason to start it otherwise', async (t) => {
  const { spawner, endings } = await startSpawner(t);
  const { pool } = await createPool(t, exiting, { starter: () => withCommand(spawner.starter, ['/nowhere/to/be/found']) });
  await assert.rejects(pool.start(), { code: 'UNAVAILABLE', message: /no process could be started: .*ENOENT/ });
  assert.deepEqual(endings, []);
});

function withCommand(starter: Starter, command: readonly string[]): Starter {
  return { endsWithIt: starter.endsWithIt, listen: (request) => starter.listen({ ...request, command }) };
}

test('SIGKILL of the spawner costs no call, and the next replica starts', { skip }, async (t) => {
  const { spawner, endings } = await startSpawner(t);
  const { pool, folder, call } = await startPool(t, holding, { starter: () => spawner.starter });
  const replica = pool.snapshot().replicas[0]?.pid ?? 0;
  const spawnerPid = parentOf(replica);
  const held = call('hold gate');
  await eventually('the call runs', async () => (await startsIn(folder)).length === 1);
  process.kill(spawnerPid, 'SIGKILL');
  await eventually('its end is noticed', () => endings.length === 1);
  assert.deepEqual(endings, [spawnerPid]);
  await letGo(folder, 'gate');
  assert.equal(await held.text, 'held gate');
  assert.equal(pool.snapshot().replicas[0]?.pid, replica);

  await eventually('there is another spawner', () => spawner.starter !== directStarter);
  const dying = call('spin');
  await eventually('it spins', async () => (await startsIn(folder)).length === 2);
  process.kill(replica, 'SIGKILL');
  assert.equal(failureOf(await dying.outcome).reason, 'unknown');
  assert.equal(await call('on').text, 'done on');
  const successor = pool.snapshot().replicas[0]?.pid ?? 0;
  assert.ok(isAlive(successor) && ![process.pid, spawnerPid].includes(parentOf(successor)));
});

for (const step of ['before it listens', 'before it is connected to'] as const) {
  test(`a spawner that ends in the middle of a start, ${step}, is not missed`, { skip }, async (t) => {
    const { spawner, endings } = await startSpawner(t);
    const spawnerPid = await pidOf(t, spawner);
    const kill = async (): Promise<void> => {
      process.kill(spawnerPid, 'SIGKILL');
      await eventually('its end is noticed', () => endings.length === 1);
    };
    const dying = (starter: Starter): Starter => ({
      endsWithIt: false,
      listen: async (request) => {
        if (step === 'before it listens') process.kill(spawnerPid, 'SIGSTOP');
        const listening = starter.listen(request);
        if (step === 'before it listens') await Promise.all([kill(), listening]);
        const start = await listening;
        await kill();
        return start;
      },
    });
    const { pool, call } = await createPool(t, holding, { threads: 2, starter: () => dying(spawner.starter) });
    await pool.start();
    // A replica of which a stream seems to have ended would be killed a second later.
    assert.equal(await call('block 1500').text, 'done block 1500');
    assert.equal(parentOf(pool.snapshot().replicas[0]?.pid ?? 0), process.pid);
  });
}

test('what a spawner has left behind ends with the next one', { skip }, async (t) => {
  const { spawner } = await startSpawner(t);
  const { pool, folder, call } = await startPool(t, holding, { starter: () => spawner.starter });
  const replica = pool.snapshot().replicas[0]?.pid ?? 0;
  process.kill(parentOf(replica), 'SIGKILL');
  await eventually('it is gone', () => spawner.starter === directStarter);
  await eventually('there is another', () => spawner.starter !== directStarter);
  const spinning = call('spin');
  await eventually('it spins', async () => (await startsIn(folder)).length === 1);
  await spawner.close();
  assert.equal(failureOf(await spinning.outcome).code, 'INTERNAL');
  await eventually('the replica is gone', () => !isAlive(replica));
});

/** Pid of the spawner's process, by what it starts. */
async function pidOf(t: TestContext, spawner: Spawner): Promise<number> {
  const { pool } = await startPool(t, exiting, { starter: () => spawner.starter });
  return parentOf(pool.snapshot().replicas[0]?.pid ?? 0);
}

test('who closes it can wait for that with nothing else to do', () => {
  const module = JSON.stringify(join(built, 'process/spawner/spawner.js'));
  const program = `const { Spawner } = await import(${module}); await new Spawner(() => undefined).close(); console.log('closed');`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    timeout: 300_000,
  });
  assert.deepEqual([status, stdout], [0, 'closed\n'], stderr);
});
