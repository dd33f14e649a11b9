import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { DeployProgress } from '@dcf/sdk/control';
import type { TestDaemon } from '../../support/daemon.js';
import type { FaultClient } from '../../support/faults/fault-client.js';
import { daemonFaults } from '../../support/faults/fault-matrix.js';
import { assertReply, type Scene } from '../../support/faults/scene.js';
import { type DeploySettings, deploySource, echoSource, versionSource } from '../../support/functions.js';
import { eventually, processesIn } from '../../support/processes.js';

const name = 'moving';

type OnProgress = (event: DeployProgress) => void;

/** A change of a function, and how callers see whether it has been made. */
interface Change {
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

/** With a few files, so that each step has something to do. */
function version(text: string): { source: string; settings: DeploySettings } {
  const files = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`data-${index}.txt`, `file ${index}`]));
  return { source: versionSource(text), settings: { files: { ...files, 'text.txt': text } } };
}

async function deployVersions(scene: Scene, daemon: TestDaemon, ...texts: string[]): Promise<Record<string, string>> {
  const revisions: Record<string, string> = {};
  for (const text of texts) {
    const { source, settings } = version(text);
    revisions[text] = (await deploySource(scene, daemon, name, source, settings)).revision;
  }
  return revisions;
}

async function answer(client: FaultClient, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const reply = await client.invoke(name, '', { headers });
  assertReply(reply, { code: 'OK' });
  return reply.text;
}

function toggled(one: string, other: string): Change['next'] {
  return (before) => (before === one ? other : one);
}

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

const startingSteps = ['prepare', 'start', 'switch'];

const changes: Readonly<Record<string, Change>> = {
  'a deploy': deploying('rolling', ['receive', ...startingSteps]),
  'a deploy with `update: recreate`': deploying('recreate', ['receive', 'prepare', 'drain', 'start', 'switch']),
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

/** Where a change can be told to have come to. A step ends where the next begins. */
interface Point {
  step: string;
  done: boolean;
}

function pointsOf(steps: readonly string[]): Point[] {
  return [...steps.map((step) => ({ step, done: false })), { step: 'switch', done: true }];
}

/** Makes a change, and kills the daemon as soon as that has come to a point; resolves when none of its processes is left. */
async function killAt(daemon: TestDaemon, { step, done }: Point, make: (onProgress: OnProgress) => Promise<unknown>): Promise<void> {
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

/** Starts a daemon where another was killed: nothing half-written is left, and nothing runs that is not described. */
async function restarted(scene: Scene, data: string): Promise<TestDaemon> {
  const daemon = await scene.startDaemon({ data });
  const entries = await readdir(data, { recursive: true });
  assert.deepEqual(
    entries.filter((entry) => /\.staging-|\.tmp$/.test(entry)),
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

daemonFaults('The daemon is killed in a change of a function', (row) => {
  for (const [what, { steps, begin, next, make, see }] of Object.entries(changes)) {
    row(
      `\`kill -9\` of the daemon in ${what}, when each step (${steps.join(', ')}) has begun, and when the last has ended`,
      'All as before until the switch, and then all as wanted, never half of it; no process and no half-written file is left; the change can be made again',
      async (scene) => {
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
      },
    );
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
