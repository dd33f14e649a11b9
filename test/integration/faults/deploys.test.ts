import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { DeployProgress } from '@dcf/sdk/control';
import { packFunction } from '@dcf/sdk/package';
import type { TestDaemon } from '../../support/daemon.js';
import { daemonFaults, faults } from '../../support/faults/fault-matrix.js';
import type { DaemonScene, Scene } from '../../support/faults/scene.js';
import { type DeploySettings, deploySource, echoSource, writeFunction } from '../../support/functions.js';
import { processesIn } from '../../support/processes.js';

function answering(text: string): string {
  return `export class Handler { async call() { return '${text}'; } }`;
}

function nearestRank(numbers: readonly number[], share: number): number {
  return [...numbers].sort((a, b) => a - b)[Math.ceil(share * numbers.length) - 1] ?? 0;
}

const changes = 50;
const callers = 4;

faults('Deploys', {}, (row) => {
  row(
    `${changes} deploys and rollbacks under load`,
    'No call fails; no client ever gets an answer of a revision that was active earlier after one of a revision that was active later',
    async (scene) => {
      await scene.deploy(answering('0'), { concurrency: 4 });
      const quiet: number[] = [];
      for (let count = 0; count < 300; count++) quiet.push((await scene.expect('', { code: 'OK', text: '0' })).tookMs);
      // What was active, one after the other; the next is there before its deploy begins.
      const active = ['0'];
      let over = false;
      const during: number[] = [];
      const caller = async (): Promise<void> => {
        let newest = 0;
        while (!over) {
          const { code, details, text, tookMs } = await scene.call();
          assert.equal(code, 'OK', details);
          const found = active.indexOf(text, newest);
          assert.ok(found >= newest, `${text} answered, and before it ${active[newest]}, of ${active.join(' ')}`);
          newest = found;
          during.push(tookMs);
        }
      };
      const called = Promise.all(Array.from({ length: callers }, caller));
      called.catch(() => undefined);
      try {
        for (let change = 1; change <= changes; change++) {
          const rollback = change % 5 === 0;
          const text = rollback ? (active.at(-2) ?? '') : String(change);
          active.push(text);
          if (rollback) await scene.daemon.control.rollback(scene.name);
          else await scene.deploy(answering(text), { name: scene.name, concurrency: 4 });
          await scene.expect('', { code: 'OK', text });
        }
      } finally {
        over = true;
        await called;
      }
      const took = `${nearestRank(during, 0.99).toFixed(1)} ms at the 99th percentile, ${nearestRank(quiet, 0.99).toFixed(1)} ms when all is quiet`;
      scene.note(`${during.length} calls of ${callers} callers during ${changes} changes: ${took} (1 caller)`);
    },
  );

  row(
    'A client goes in the middle of its deploy',
    'Nothing is left of it; the revision before serves on; the next deploy succeeds',
    async (scene) => {
      await scene.deploy(answering('old'));
      const hanging = 'export class Handler { init() { console.log("it hangs"); return new Promise(() => undefined); } call() {} }';
      const gone = scene.controller();
      const onProgress = (event: DeployProgress): void => {
        if (event.kind === 'step' && event.name === 'start') gone.abort();
      };
      await assert.rejects(deployAborted(scene, hanging, onProgress, gone.signal));
      await scene.expect('', { code: 'OK', text: 'old' });
      let refused = true;
      while (refused) {
        // The deploy that was given up is cleaned up first.
        refused = await scene.deploy(answering('new'), { name: scene.name }).then(
          () => false,
          (error: unknown) => {
            assert.match(String(error), /another change of fault is under way/);
            return true;
          },
        );
      }
      await scene.expect('', { code: 'OK', text: 'new' });
    },
  );

  row(
    'Many deploys of one function at once',
    'One of them is done, the others are ABORTED or find it done; calls are answered',
    async (scene) => {
      await scene.deploy(answering('0'));
      const results = await Promise.allSettled(
        Array.from({ length: 8 }, (_, index) => scene.deploy(answering(String(index + 1)), { name: scene.name })),
      );
      const refused = results.flatMap((result) => (result.status === 'rejected' ? [String(result.reason)] : []));
      assert.ok(refused.length < results.length);
      for (const reason of refused) assert.match(reason, /another change of fault is under way; try again when it is done/);
      const { text } = await scene.expect('', { code: 'OK' });
      assert.match(text, /^[1-8]$/);
    },
  );
});

async function deployAborted(scene: DaemonScene, source: string, onProgress: (event: DeployProgress) => void, signal: AbortSignal) {
  const folder = await writeFunction(scene, { name: scene.name, limits: { payload: '1MiB' } }, { 'handler.ts': source });
  return await scene.daemon.control.deploy(await packFunction(folder), { onProgress, signal });
}

/** Code with a few files, so that each step has something to do. */
const files: NonNullable<DeploySettings['files']> = Object.fromEntries(
  Array.from({ length: 20 }, (_, index) => [`data-${index}.txt`, `file ${index}`]),
);

const steps = ['receive', 'prepare', 'start', 'switch'] as const;

/** Where a deploy can be told to have come to. */
interface Point {
  step: (typeof steps)[number];
  done: boolean;
}

// A step ends where the next begins.
const points: Point[] = [...steps.map((step) => ({ step, done: false })), { step: 'switch', done: true }];

/** Deploys, and kills the daemon as soon as the deploy has come to that point. */
async function killAt(daemon: TestDaemon, scene: Scene, name: string, text: string, { step, done }: Point): Promise<void> {
  const onProgress = (event: DeployProgress): void => {
    if (event.kind === 'step' && event.name === step && event.done === done) void daemon.stop('SIGKILL');
  };
  // It may have been done just before.
  await deploySource(scene, daemon, name, answering(text), { files: { ...files, 'text.txt': text }, onProgress }).catch(() => undefined);
  await daemon.stop('SIGKILL');
  assert.deepEqual(processesIn(daemon.data), [], 'no orphan');
}

/** Nothing half-written is left, and nothing that no function names. */
async function onlyWhole(data: string): Promise<void> {
  const entries = await readdir(data, { recursive: true });
  assert.deepEqual(
    entries.filter((entry) => entry.includes('.staging-') || entry.endsWith('.tmp')),
    [],
  );
  for (const name of await readdir(join(data, 'functions'))) {
    const inside = await readdir(join(data, 'functions', name));
    assert.ok(inside.includes('function.json'), `${name} has ${inside.join(', ')}`);
  }
}

daemonFaults('The daemon is killed in a deploy', (row) => {
  for (const { step, done } of points) {
    row(
      `\`kill -9\` of the daemon when "${step}" has ${done ? 'ended' : 'begun'}`,
      'The old revision or the new one, never half of one; a first deploy is there or is not; no process and no half-written file is left',
      async (scene) => {
        let daemon = await scene.startDaemon();
        await deploySource(scene, daemon, 'other', echoSource);
        await deploySource(scene, daemon, 'moving', answering('old'), { files });
        await killAt(daemon, scene, 'moving', 'new', { step, done });
        daemon = await scene.startDaemon({ data: daemon.data });
        await onlyWhole(daemon.data);
        const client = scene.connect(daemon.url);
        const { text } = await client.invoke('moving', '');
        assert.match(text, /^(old|new)$/);
        if (step !== 'switch') assert.equal(text, 'old');
        for (let count = 0; count < 100; count++) assert.equal((await client.invoke('other', String(count))).text, String(count));

        await killAt(daemon, scene, 'newcomer', 'new', { step, done });
        daemon = await scene.startDaemon({ data: daemon.data });
        await onlyWhole(daemon.data);
        const first = await scene.connect(daemon.url).invoke('newcomer', '');
        assert.ok(first.code === 'NOT_FOUND' || first.text === 'new', `${first.code} ${first.details}`);
        await deploySource(scene, daemon, 'newcomer', answering('newer'));
        assert.equal((await scene.connect(daemon.url).invoke('newcomer', '')).text, 'newer');
      },
    );
  }
});
