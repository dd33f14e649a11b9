import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DeployProgress } from '@dcf/sdk/control';
import { isStaging, stagingOf, unfinished } from '../../../src/registry/disk/atomic-file.js';
import type { TestDaemon } from '../daemon.js';
import { type DeploySettings, deploySource, echoSource, versionSource } from '../functions.js';
import { eventually, processesIn } from '../processes.js';
import type { FaultClient } from './fault-client.js';
import { assertReply, type Scene } from './scene.js';

/** The function that is changed. */
export const name = 'moving';

export type OnProgress = (event: DeployProgress) => void;

/** A change of a function, and how callers see whether it has been made. */
export interface Change {
  /** Those that it takes, in order. */
  steps: readonly string[];
  /** Deploys what the change needs; returns the revisions by what they answer. */
  begin: (scene: Scene, daemon: TestDaemon) => Promise<Readonly<Record<string, string>>>;
  /** What callers see after the change, by what they see before it. */
  next: (before: string, turn: number) => string;
  make: (
    scene: Scene,
    daemon: TestDaemon,
    next: string,
    revisions: Readonly<Record<string, string>>,
    onProgress: OnProgress,
  ) => Promise<unknown>;
  see: (client: FaultClient) => Promise<string>;
}

/** The steps of a change that starts a revision which is there. */
export const startingSteps = ['prepare', 'start', 'switch'];

export const expectedOfKill =
  'All as before until the switch, and then all as wanted, never half of it; no process and no half-written file is left; the change can be made again';

/** The fault, in the words of docs/faults.md. */
export function faultOfKill(what: string, { steps }: Change): string {
  return `\`kill -9\` of the daemon in ${what}, when each step (${steps.join(', ')}) has begun, and when the last has ended`;
}

/** A handler with a few files, so that each step has something to do. */
export function version(text: string): { source: string; settings: DeploySettings } {
  const files = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`data-${index}.txt`, `file ${index}`]));
  return { source: versionSource(text), settings: { files: { ...files, 'text.txt': text } } };
}

/** Deploys a version after the other; returns their revisions by what they answer. */
export async function deployVersions(scene: Scene, daemon: TestDaemon, ...texts: string[]): Promise<Record<string, string>> {
  const revisions: Record<string, string> = {};
  for (const text of texts) {
    const { source, settings } = version(text);
    revisions[text] = (await deploySource(scene, daemon, name, source, settings)).revision;
  }
  return revisions;
}

/** What a call is answered with. */
export async function answer(client: FaultClient, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const reply = await client.invoke(name, '', { headers });
  assertReply(reply, { code: 'OK' });
  return reply.text;
}

/** The other one of two. */
export function toggled(one: string, other: string): Change['next'] {
  return (before) => (before === one ? other : one);
}

/** Where a change can be told to have come to. A step ends where the next begins. */
interface Point {
  step: string;
  done: boolean;
}

export function pointsOf(steps: readonly string[]): Point[] {
  return [...steps.map((step) => ({ step, done: false })), { step: 'switch', done: true }];
}

/** Makes a change, and kills the daemon as soon as that has come to a point; resolves when none of its processes is left. */
export async function killAt(daemon: TestDaemon, { step, done }: Point, make: (onProgress: OnProgress) => Promise<unknown>): Promise<void> {
  let killed = false;
  const onProgress: OnProgress = (event) => {
    if (killed || event.kind !== 'step' || event.name !== step || event.done !== done) return;
    killed = true;
    process.kill(daemon.pid, 'SIGKILL');
  };
  // It may have been done just before.
  await make(onProgress).catch(() => undefined);
  assert.ok(killed, `it never came to ${step}`);
  await daemon.stop('SIGKILL');
}

/** Leaves what a kill does in the midst of a write, which it seldom hits: a state, a revision and a blob that are not whole. */
async function leaveHalfWritten(data: string): Promise<void> {
  const [functions, blobs] = [join(data, 'functions', name), join(data, 'blobs', 'sha256')];
  const revision = stagingOf(join(functions, '0123456789abcdef'));
  await mkdir(revision, { recursive: true });
  const files = [
    join(functions, `function.json${unfinished}`),
    join(revision, 'handler.ts'),
    join(blobs, `${'0'.repeat(64)}.1${unfinished}`),
  ];
  for (const file of files) await writeFile(file, 'half of');
}

/** Starts a daemon where another was killed: nothing half-written is left, and nothing runs that is not described. */
export async function restarted(scene: Scene, data: string): Promise<TestDaemon> {
  await leaveHalfWritten(data);
  const daemon = await scene.startDaemon({ data });
  const entries = await readdir(data, { recursive: true });
  assert.deepEqual(
    entries.filter((entry) => isStaging(entry) || entry.endsWith(unfinished)),
    [],
  );
  let replicas = 0;
  for (const folder of await readdir(join(data, 'functions'))) {
    const { summary, revisions, replicas: running } = await daemon.control.describe(folder);
    assert.equal(summary?.state, 'ready', folder);
    assert.equal(revisions.find(({ active }) => active)?.revision, summary.revision);
    const laidOut = (await readdir(join(data, 'functions', folder))).filter((entry) => /^[0-9a-f]{16}$/.test(entry));
    assert.deepEqual(laidOut.sort(), revisions.map(({ revision }) => revision).sort(), 'each folder is of a revision that is known');
    replicas += running.length;
  }
  await eventually('only replicas run', () => processesIn(data).length === replicas);
  return daemon;
}

async function otherServed(client: FaultClient): Promise<void> {
  for (let count = 0; count < 100; count++) assertReply(await client.invoke('other', String(count)), { code: 'OK', text: String(count) });
}

/** Makes the change time and again, and kills the daemon at each of its points; each time goes on from what the time before has left. */
export async function killedAtEachPoint(scene: Scene, { steps, begin, next, make, see }: Change): Promise<void> {
  let daemon = await scene.startDaemon();
  await deploySource(scene, daemon, 'other', echoSource);
  const revisions = await begin(scene, daemon);
  let before = await see(scene.connect(daemon.url));
  for (const [turn, point] of pointsOf(steps).entries()) {
    const wanted = next(before, turn);
    await killAt(daemon, point, (onProgress) => make(scene, daemon, wanted, revisions, onProgress));
    daemon = await restarted(scene, daemon.data);
    const client = scene.connect(daemon.url);
    const found = await see(client);
    const switching = point.step === 'switch' ? [before, wanted] : [before];
    assert.ok((point.done ? [wanted] : switching).includes(found), `${point.step}: ${found}`);
    await otherServed(client);
    before = found;
  }
  const wanted = next(before, steps.length + 1);
  await make(scene, daemon, wanted, revisions, () => undefined);
  assert.equal(await see(scene.connect(daemon.url)), wanted);
}
