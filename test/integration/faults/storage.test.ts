import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Owner } from '../../support/cleanup.js';
import { daemonFaults, faults } from '../../support/faults/fault-matrix.js';
import type { Scene } from '../../support/faults/scene.js';
import { SmallDisk } from '../../support/faults/small-disk.js';
import { deploySource, handMadePackage, logged } from '../../support/functions.js';
import { eventually } from '../../support/processes.js';
import { packageMessage, rawDeploy } from '../../support/raw-deploy.js';

/** Answers with its weights, so that it is seen which bytes were loaded. */
const weighing = `import { readFileSync } from 'node:fs';
export class Handler {
  weights = '';
  constructor(readonly context: any) {}
  init() { this.weights = readFileSync(this.context.resources.weights, 'utf8'); }
  call() { return this.weights; }
}`;

/** Answers with its secret as its file has it, or ends. */
const keyed = `import { readFileSync } from 'node:fs';
declare const process: any;
const key = readFileSync(process.env.KEY_FILE, 'utf8');
export class Handler { call(request: any) { return request.text() === 'end' ? process.exit(3) : key; } }`;

function withWeights(weights: string) {
  return { files: { 'weights.txt': weights }, resources: { weights: 'weights.txt' } };
}

/** Everything that a deploy writes but whole blobs and logs, which may be of use to the next, and the counts of calls, which are written every few seconds. */
async function stored(data: string): Promise<string[]> {
  const entries = await readdir(data, { recursive: true });
  return entries
    .filter((path) => !/^(logs|node_modules|blobs\/sha256\/[0-9a-f]{64}$|functions\/[^/]+\/calls\.json)/.test(path) && path !== 'filler')
    .sort();
}

let disk: SmallDisk | undefined;
const diskProblem = SmallDisk.problem();

function smallDisk(): SmallDisk {
  if (disk === undefined) throw new Error('there is no small disk');
  return disk;
}

function makeSmallDisk(owner: Owner): string {
  disk = SmallDisk.open(owner, 16 * 2 ** 20);
  return disk.folder;
}

faults('A full disk', diskProblem === undefined ? { makeData: makeSmallDisk } : {}, (row) => {
  const settings = { skip: diskProblem };
  row(
    'The disk becomes full at any point of a deploy',
    'RESOURCE_EXHAUSTED, which says so; nothing is left of the deploy; the revision before serves on; with room again, the deploy succeeds',
    async (scene) => {
      await scene.deploy(weighing, withWeights('old'));
      scene.after(() => smallDisk().free());
      const before = await stored(scene.daemon.data);
      let refused = 0;
      // With ever more room it comes ever farther, until there is enough.
      for (let room = 0; ; room += 4096) {
        smallDisk().fill(room);
        // Weights of its own each time: what was sent before would be there already.
        const weights = `${room} `.padEnd(10_000, 'new');
        const answer = await scene.deploy(weighing, { name: scene.name, ...withWeights(weights) }).then(
          () => undefined,
          (error: unknown) => error,
        );
        if (answer === undefined) {
          await scene.expect('', { code: 'OK', text: weights });
          break;
        }
        refused += 1;
        assert.match(String(answer), /the disk of \S+ is full: free some space and try again/);
        assert.ok(answer instanceof Error && 'code' in answer && answer.code === 'RESOURCE_EXHAUSTED', String(answer));
        smallDisk().free();
        assert.deepEqual(await stored(scene.daemon.data), before);
        await scene.expect('', { code: 'OK', text: 'old' });
      }
      scene.note(`${refused} deploys were refused`);
      assert.ok(refused >= 3, `${refused} were refused`);
    },
    settings,
  );

  row(
    'The disk becomes full while a secret is set',
    'RESOURCE_EXHAUSTED, which says so; nothing is left of it, and replicas start with the value before, also as a file; with room again, it is set',
    async (scene) => {
      scene.after(() => smallDisk().free());
      const { control, data } = scene.daemon;
      await control.setSecret('KEY', Buffer.from('old value'));
      scene.after(() => control.deleteSecret('KEY').then(() => undefined));
      await scene.deploy(keyed, { secrets: [{ name: 'KEY', file: true }] });
      const before = await stored(data);
      const change = () => control.setSecret('KEY', Buffer.alloc(60_000, 'new'));
      // Too little for it, down to none.
      for (const room of [40_960, 4_096, 0]) {
        smallDisk().fill(room);
        await assert.rejects(change(), { code: 'RESOURCE_EXHAUSTED', message: /the disk of \S+ is full: free some space and try again/ });
        smallDisk().free();
        assert.deepEqual(await stored(data), before);
        await scene.expect('end', { code: 'INTERNAL' });
        await scene.expect('', { code: 'OK', text: 'old value' });
      }
      await change();
      await scene.expect('end', { code: 'INTERNAL' });
      assert.equal((await scene.expect('', { code: 'OK' })).text.length, 60_000);
    },
    settings,
  );

  row(
    'The disk is full while functions log',
    'Calls are answered; entries are lost, and the log says how many',
    async (scene) => {
      scene.after(() => smallDisk().free());
      await scene.deploy('export class Handler { call(request: any) { console.log(request.text()); return request.input; } }');
      await scene.expect('before', { code: 'OK' });
      await logged(scene.daemon, scene.name, /^before$/);
      smallDisk().fill();
      const line = 'lost '.repeat(200);
      await scene.throughout(() => scene.expect(line, { code: 'OK', text: line }));
      await eventually('the daemon says so', () => /entries of the log of fault are lost/.test(scene.daemon.log()));
      smallDisk().free();
      await scene.expect('after', { code: 'OK' });
      await logged(scene.daemon, scene.name, /^after$/);
      await logged(scene.daemon, scene.name, /\d+ entries are missing here/);
    },
    settings,
  );
});

/** Turns one bit of a file over, in place, although it is read-only. */
async function flipBit(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, 5);
    byte[0] = (byte[0] ?? 0) ^ 1;
    await file.write(byte, 0, 1, 5);
  } finally {
    await file.close();
  }
}

function blobOf(data: string, content: string): string {
  return join(data, 'blobs', 'sha256', createHash('sha256').update(content).digest('hex'));
}

const weights = 'weights '.repeat(1_000);

faults('Damaged bytes', {}, (row) => {
  row('A bit is flipped in an upload', 'INVALID_ARGUMENT; nothing is left of it; the revision before serves on', async (scene) => {
    await scene.deploy(weighing, withWeights('old'));
    const before = await stored(scene.daemon.data);
    const handler = { path: 'handler.mjs', content: 'export class Handler { call() { return "new"; } }' };
    const manifest = { name: scene.name, handler: handler.path, limits: { payload: '1MiB' }, resources: { weights: 'weights.txt' } };
    const deploy = rawDeploy(scene, scene.daemon.url);
    deploy.send(packageMessage(handMadePackage(manifest, [handler, { path: 'weights.txt', content: weights }])));
    const digests = [handler.content, weights].map((content) => createHash('sha256').update(content).digest('hex'));
    assert.deepEqual((await deploy.event('missing')).missing?.sha256, digests);
    const [ofHandler = '', ofWeights = ''] = digests;
    deploy.send({ chunk: { sha256: ofHandler, data: Buffer.from(handler.content) } });
    deploy.send({ chunk: { sha256: ofWeights, data: Buffer.from(weights.replace('w', 'v')) } });
    deploy.end();
    const { code, details } = await deploy.ended;
    assert.equal(code, 'INVALID_ARGUMENT', details);
    assert.match(details, /has the SHA-256 [0-9a-f]{64}/);
    assert.deepEqual(await stored(scene.daemon.data), before);
    await scene.expect('', { code: 'OK', text: 'old' });
  });

  row('A bit is flipped in a stored blob', 'DATA_LOSS at the next deploy that needs it; the one after sends it again', async (scene) => {
    await scene.deploy(weighing, { name: 'first', ...withWeights(weights) });
    await flipBit(blobOf(scene.daemon.data, weights));
    const again = () => scene.deploy(weighing, { name: 'second', description: 'of the same weights', ...withWeights(weights) });
    await assert.rejects(again(), { code: 'DATA_LOSS', message: /\(weights\.txt\) is damaged: deploy the function again/ });
    await again();
    assert.equal((await scene.callOf('second')).text, weights);
  });
});

/** Stops a daemon with a function, does something to its data, and starts another on it. */
async function restartAfter(scene: Scene, damage: (data: string) => Promise<void>) {
  const first = await scene.startDaemon();
  const { revision } = await deploySource(scene, first, 'weighty', weighing, withWeights(weights));
  await deploySource(scene, first, 'other', 'export class Handler { call() { return "other"; } }');
  await first.stop();
  await damage(join(first.data, 'functions', 'weighty', revision));
  const second = await scene.startDaemon({ data: first.data });
  const client = scene.connect(second.url);
  // Until all have been tried, a call may be told that it was not started; the SDK comes back.
  await second.client.invoke('other', '');
  for (let count = 0; count < 100; count++) assert.equal((await client.invoke('other', '')).text, 'other');
  return { second, client };
}

daemonFaults('Damaged bytes at the start of the daemon', (row) => {
  row(
    'A bit is flipped in a stored blob whose revision has to be laid out again',
    'The daemon starts, serves every other function and says why not this one; deploying it again mends it',
    async (scene) => {
      const { second, client } = await restartAfter(scene, async (revision) => {
        await flipBit(blobOf(join(revision, '..', '..', '..'), weights));
        await rm(revision, { recursive: true });
      });
      const { code } = await client.invoke('weighty', '');
      assert.ok(code !== 'OK', code);
      assert.match(second.log(), /weighty is not served: the blob [0-9a-f]{64} \(weights\.txt\) is damaged/);
      await deploySource(scene, second, 'weighty', weighing, withWeights(weights));
      assert.equal((await client.invoke('weighty', '')).text, weights);
    },
  );

  row(
    'A bit is flipped in the weights of a revision that is laid out',
    'The daemon starts, serves every other function, and does not load them',
    async (scene) => {
      const { client } = await restartAfter(scene, (revision) => flipBit(join(revision, 'weights.txt')));
      const { code, text } = await client.invoke('weighty', '');
      assert.ok(code !== 'OK' || text === weights, 'damaged weights were loaded');
    },
  );
});
