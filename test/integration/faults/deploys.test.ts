import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DcfError } from '@dcf/sdk';
import type { DeployProgress } from '@dcf/sdk/control';
import { packFunction } from '@dcf/sdk/package';
import { defer } from '../../../src/core/promises.js';
import type { FaultReply } from '../../support/faults/fault-client.js';
import { faults } from '../../support/faults/fault-matrix.js';
import { holdSlot, holds } from '../../support/faults/holder.js';
import { assertReply, type DaemonScene } from '../../support/faults/scene.js';
import { writeFunction } from '../../support/functions.js';
import { type Gate, shutGate } from '../../support/gate.js';
import { eventually } from '../../support/processes.js';
import { invokeRequest } from '../../support/raw-client.js';

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
      const deployed = (): Promise<boolean> =>
        scene.deploy(answering('new'), { name: scene.name }).then(
          () => true,
          (error: unknown) => {
            assert.match(String(error), /another change of fault is running/);
            return false;
          },
        );
      await eventually('the deploy that was given up is cleaned up, and another succeeds', deployed);
      await scene.expect('', { code: 'OK', text: 'new' });
      const { revisions } = await scene.daemon.control.describe(scene.name);
      const kept = ['function.json', ...revisions.map(({ revision }) => revision)];
      // Counts of calls are written when their time has come.
      const files = (await readdir(join(scene.daemon.data, 'functions', scene.name))).filter((file) => file !== 'calls.json');
      assert.deepEqual(files.sort(), kept.sort());
      assert.equal(revisions.length, 2);
    },
  );

  row(
    'Many deploys of one function at once',
    'While one of them is under way the others are ABORTED, and calls are answered; then it is done',
    async (scene) => {
      const gate = await shutGate(scene);
      await scene.deploy(answering('0'));
      const refused: unknown[] = [];
      const done: string[] = [];
      const deploys = Array.from({ length: 8 }, (_, index) =>
        scene.deploy(gated(String(index), gate), { name: scene.name }).then(
          () => done.push(String(index)),
          (error: unknown) => refused.push(error),
        ),
      );
      await eventually('all but one are refused', () => refused.length === deploys.length - 1);
      await scene.expect('', { code: 'OK', text: '0' });
      await gate.open();
      await Promise.all(deploys);
      for (const error of refused) assert.match(String(error), /another change of fault is running; try again when it is done/);
      for (const error of refused) assert.equal(DcfError.is(error) && error.code, 'ABORTED');
      await scene.expect('', { code: 'OK', text: done.join() });
    },
  );
});

const path = '/dcf.v1.Functions/Invoke';

/** Calls by an alias or a revision. */
function callNamed(scene: DaemonScene, selector: string, input: string): Promise<FaultReply> {
  const message = invokeRequest({ function: scene.name, input: Buffer.from(input) });
  return scene.send(path, message, { headers: { 'dcf-alias': selector }, timeoutMs: 30_000 });
}

/** Answers with its version, when its caller lets it go; is built when its gate is open. */
function gated(version: string, gate?: Gate): string {
  return `export class Handler {
  async init() { ${gate?.wait ?? ''} }
  call(request: any): any {
    if (request.text() !== 'hold') return '${version}';
    return new Promise((resolve) => request.signal.addEventListener('abort', () => resolve('let go')));
  }
}`;
}

faults('Calls that wait when their revision is replaced', {}, (row) => {
  row(
    'A deploy, while calls wait for the revision by its id, by an alias and by the function alone, and one is larger than the next allows',
    'Those go to the next that would go there now; one that names the revision is answered by that; the large one is RESOURCE_EXHAUSTED with both numbers',
    async (scene) => {
      const { revision } = await scene.deploy(gated('old'), { rollout: { alias: 'prod' } });
      const letGo = await holdSlot(scene);
      const named = callNamed(scene, revision, 'waits');
      const others = [callNamed(scene, 'prod', 'waits'), scene.call('waits', { timeoutMs: 30_000 })];
      const large = scene.call(Buffer.alloc(1025), { timeoutMs: 30_000 });
      await holds(scene, 5);
      await scene.deploy(gated('new'), { name: scene.name, rollout: { alias: 'prod' }, limits: { payload: '1KiB' } });
      for (const other of others) assertReply(await other, { code: 'OK', text: 'new' });
      assertReply(await large, { code: 'RESOURCE_EXHAUSTED', details: /^the input has 1025 bytes; limits\.payload of fault is 1024$/ });
      await letGo();
      assertReply(await named, { code: 'OK', text: 'old' });
      assertReply(await callNamed(scene, revision, ''), { code: 'NOT_FOUND' });
    },
  );

  row(
    'The same with `update: recreate`, where the revision has ended before the next is ready',
    'A call that names the revision is NOT_FOUND as soon as the next is ready; the others are answered by that',
    async (scene) => {
      const gate = await shutGate(scene);
      const { revision } = await scene.deploy(gated('old'), { update: 'recreate' });
      const started = defer<void>();
      const onProgress = (event: DeployProgress): void => {
        if (event.kind === 'step' && event.name === 'start') started.resolve();
      };
      const deployed = scene.deploy(gated('new', gate), { name: scene.name, update: 'recreate', onProgress });
      await Promise.race([started.promise, deployed]);
      const named = callNamed(scene, revision, 'waits');
      const other = scene.call('waits', { timeoutMs: 30_000 });
      await holds(scene, 2);
      await gate.open();
      await deployed;
      const details = new RegExp(
        `^revision ${revision} of fault was replaced while the call waited for it, and no longer runs: name another revision, or none$`,
      );
      assertReply(await named, { code: 'NOT_FOUND', details });
      assertReply(await other, { code: 'OK', text: 'new' });
    },
  );
});

async function deployAborted(scene: DaemonScene, source: string, onProgress: (event: DeployProgress) => void, signal: AbortSignal) {
  const folder = await writeFunction(scene, { name: scene.name, limits: { payload: '1MiB' } }, { 'handler.ts': source });
  return await scene.daemon.control.deploy(await packFunction(folder), { onProgress, signal });
}
