import assert from 'node:assert/strict';
import type { DeploySettings } from '../functions.js';
import { eventually } from '../processes.js';
import { assertReply, type DaemonScene, passedIn } from './scene.js';

/** The replica that runs a call. */
export async function busyReplica(scene: DaemonScene): Promise<number> {
  let busy: number | undefined;
  await eventually('a replica runs the call', async () => {
    const { replicas } = await scene.daemon.control.describe(scene.name);
    busy = replicas.find(({ workers }) => workers.some(({ running }) => running > 0))?.pid;
    return busy !== undefined;
  });
  return busy ?? 0;
}

/**
 * One of two replicas ends under its call: that call fails with the reason, every other is answered, and there are two again. The
 * Handler does it when it is told `die`, or is killed while it does as it is told `wait`; it echoes otherwise.
 */
export async function oneOfTwoEnds(
  scene: DaemonScene,
  source: string,
  reason: RegExp,
  { kill, ...settings }: DeploySettings & { kill?: () => Promise<void> } = {},
): Promise<void> {
  await scene.deploy(source, { ...settings, replicas: { min: 2, max: 2 } });
  const before = await scene.replicas();
  // A worker whose calls were short is sent one ahead, which must not be lost with it.
  for (let count = 0; count < 40; count++) await scene.expect('short', { code: 'OK', text: 'short' });
  const victim = scene.call(kill === undefined ? 'die' : 'wait', { timeoutMs: 20_000 });
  const killed = kill?.();
  const others = Array.from({ length: 20 }, (_, index) => scene.call(`call ${index}`));
  assertReply(await victim, { code: 'INTERNAL', details: /the worker died while it ran the call/, reason });
  await killed;
  for (const [index, reply] of (await Promise.all(others)).entries()) assertReply(reply, { code: 'OK', text: `call ${index}` });
  await eventually('there are two replicas again', async () => (await scene.replicas()).length === 2);
  const kept = (await scene.replicas()).filter((pid) => before.includes(pid));
  assert.equal(kept.length, 1, 'one of them is new');
}

/** Fails call after call, and each is followed by one that the same Handler answers: it counts those that say `ping`. */
export async function failsAndLives(scene: DaemonScene, code: string, details: RegExp): Promise<void> {
  const worker = await scene.replica();
  let answered = 0;
  await scene.throughout(async () => {
    const reply = await scene.expect('fail', { code, details, reason: '' });
    assert.equal(reply.notStarted, false, 'it ran: a client must not try it again');
    answered += 1;
    await scene.expect('ping', { code: 'OK', text: String(answered) });
  });
  assert.equal(await scene.replica(), worker);
}

/** A call goes on until it is told of its deadline when it says `wait`: it fails by then, and the worker is kept for the next. */
export async function noticesItsDeadline(scene: DaemonScene, source: string, settings: DeploySettings = {}): Promise<void> {
  await scene.deploy(source, settings);
  const worker = await scene.replica();
  await scene.expect('wait', { code: 'DEADLINE_EXCEEDED', details: passedIn('Handler') }, { timeoutMs: 100 });
  await scene.expect('next', { code: 'OK', text: 'next' });
  assert.equal(await scene.replica(), worker);
}

/** A new revision that cannot be built is refused, while the old one serves on in the same process. */
export async function newRevisionFails(scene: DaemonScene, source: string, message: RegExp, settings: DeploySettings = {}): Promise<void> {
  await scene.deploy("export class Handler { call() { return 'the old one'; } }");
  const before = await scene.daemon.control.describe(scene.name);
  let over = false;
  const refused = assert
    .rejects(scene.deploy(source, { name: scene.name, ...settings }), { code: 'FAILED_PRECONDITION', message })
    .finally(() => {
      over = true;
    });
  while (!over) await scene.expect('', { code: 'OK', text: 'the old one' });
  await refused;
  const { replicas, revisions } = await scene.daemon.control.describe(scene.name);
  assert.deepEqual([replicas.map(({ pid }) => pid), revisions.length], [before.replicas.map(({ pid }) => pid), before.revisions.length]);
}

/** A call fills the memory of its replica when it says `fill`: it fails with the reason, the calls in the queue are answered by another. */
export async function fillsMemory(scene: DaemonScene, source: string, details: RegExp, settings: DeploySettings = {}): Promise<void> {
  await scene.deploy(source, { ...settings, limits: { memory: '256MiB', payload: '1MiB' }, replicas: { min: 2, max: 2 } });
  const before = await scene.replicas();
  const full = scene.call('fill', { timeoutMs: 30_000 });
  const others = Array.from({ length: 20 }, (_, index) => scene.call(`call ${index}`));
  assertReply(await full, { code: 'INTERNAL', details, reason: 'memory' });
  for (const [index, reply] of (await Promise.all(others)).entries()) assertReply(reply, { code: 'OK', text: `call ${index}` });
  await eventually('there are two replicas again', async () => (await scene.replicas()).length === 2);
  assert.equal((await scene.replicas()).filter((pid) => before.includes(pid)).length, 1, 'one of them is new');
}
