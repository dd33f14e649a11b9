import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { daemonFaults, faults } from '../../support/faults/fault-matrix.js';
import { holdSlot, holds } from '../../support/faults/holder.js';
import { assertReply, type DaemonScene } from '../../support/faults/scene.js';
import { deploySource, echoSource, logOf } from '../../support/functions.js';
import { eventually } from '../../support/processes.js';

const oldKey = 'old-key-of-the-api-0815';
const newKey = 'new-key-of-the-api-0816';

/** Shows its secret in every way that a Handler has; `hold` waits until its caller gives up. */
const careless = `declare const process: any;
export class Handler {
  constructor() { console.log('built with ' + process.env.API_KEY); }
  async call(request: any): Promise<any> {
    const { API_KEY } = process.env;
    switch (request.text()) {
      case 'key': return API_KEY;
      case 'say': console.log('my key is ' + API_KEY); console.error('and again ' + API_KEY); return 'said';
      case 'throw': throw new Error('no access with ' + API_KEY);
      case 'hold': return await new Promise((resolve) => request.signal.addEventListener('abort', () => resolve('let go')));
      default: return process.exit(3);
    }
  }
}`;

/** Sets a secret that goes with the row. */
async function set(scene: DaemonScene, value: string, name = 'API_KEY'): Promise<void> {
  await scene.daemon.control.setSecret(name, Buffer.from(value));
  scene.after(() =>
    scene.daemon.control.deleteSecret(name).then(
      () => undefined,
      () => undefined,
    ),
  );
}

/** No value is in anything that the daemon says of the function. */
async function assertHidden(scene: DaemonScene, values: readonly string[]): Promise<void> {
  const { daemon, name } = scene;
  const described = JSON.stringify([await daemon.control.describe(name), await daemon.control.list(), await daemon.control.listSecrets()]);
  for (const text of [(await logOf(scene.daemon, scene.name)).join('\n'), described, daemon.log()])
    for (const value of values) assert.ok(!text.includes(value), text);
}

faults('Secrets', { args: ['--log-level', 'debug'] }, (row) => {
  row(
    'A secret is changed under load, while replicas are replaced (`recycle.maxCalls`)',
    'No call fails; each replica that starts after the change has the new value',
    async (scene) => {
      await set(scene, oldKey);
      await scene.deploy(careless, { secrets: ['API_KEY'], recycle: { maxCalls: 50 } });
      let [renewed, over] = [false, false];
      const caller = async (): Promise<void> => {
        while (!over) {
          const { text } = await scene.expect('key', { code: 'OK' });
          assert.ok(text === oldKey || text === newKey, text);
          renewed ||= text === newKey;
        }
      };
      const called = Promise.all(Array.from({ length: 4 }, caller));
      called.catch(() => undefined);
      try {
        await scene.expect('key', { code: 'OK', text: oldKey });
        await set(scene, newKey);
        await eventually('a replica has the new one', () => renewed);
      } finally {
        over = true;
        await called;
      }
      // A replica that was replaced may finish a call or two that it has.
      await eventually('no replica has the old one', async () => (await scene.expect('key', { code: 'OK' })).text === newKey);
      await scene.throughout(() => scene.expect('key', { code: 'OK', text: newKey }));
    },
  );

  row(
    'A secret that a new revision names is not there',
    'The deploy is FAILED_PRECONDITION with the command that sets it; the revision before serves on, in the same process',
    async (scene) => {
      await set(scene, oldKey);
      await scene.deploy(careless, { secrets: ['API_KEY'] });
      const worker = await scene.replica();
      const deploy = () => scene.deploy(careless, { name: scene.name, secrets: ['API_KEY', 'TOKEN'] });
      await scene.throughout(async () => {
        const message = /^there is no secret TOKEN, which fault needs: set it with dcf secret set TOKEN$/;
        await assert.rejects(deploy(), { code: 'FAILED_PRECONDITION', message });
        await scene.expect('key', { code: 'OK', text: oldKey });
      });
      assert.equal(await scene.replica(), worker);
      await set(scene, 'a-token-4711', 'TOKEN');
      await deploy();
      await scene.expect('key', { code: 'OK', text: oldKey });
    },
  );

  row(
    'A Handler prints its secret and throws it, under load, and ends',
    '`***` in its place: in errors, in the log, in `describe` and in the log of the daemon',
    async (scene) => {
      await set(scene, oldKey);
      await scene.deploy(careless, { secrets: ['API_KEY'], concurrency: 4 });
      const replies = Array.from({ length: 100 }, async (_, index) => {
        if (index % 2 === 0) await scene.expect('say', { code: 'OK', text: 'said' });
        else await scene.expect('throw', { code: 'UNKNOWN', details: /^no access with \*{3}$/ });
      });
      await Promise.all(replies);
      await scene.expect('exit', { code: 'INTERNAL', reason: 'exit:3' });
      await eventually('the log has it all', async () => {
        const log = (await logOf(scene.daemon, scene.name)).join('\n');
        return [/built with \*{3}/, /my key is \*{3}/, /and again \*{3}/, /Error: no access with \*{3}/].every((one) => one.test(log));
      });
      await assertHidden(scene, [oldKey]);
    },
  );

  row(
    'A call that waits is handed to a revision with secrets, and is answered with one',
    'It is masked there as any other call, whichever revision the call waited for',
    async (scene) => {
      await set(scene, oldKey);
      const waiting = async (change: () => Promise<unknown>): Promise<void> => {
        const letGo = await holdSlot(scene);
        const calls = Array.from({ length: 3 }, () => scene.call('throw', { timeoutMs: 30_000 }));
        await holds(scene, 4);
        await change();
        // What ran is still held: these are answered by the revision that they were handed to.
        for (const reply of await Promise.all(calls)) assertReply(reply, { code: 'UNKNOWN', details: /^no access with \*{3}$/ });
        await letGo();
      };
      await scene.deploy(careless);
      await waiting(() => scene.deploy(careless, { name: scene.name, secrets: ['API_KEY'] }));
      await waiting(async () => {
        await set(scene, newKey);
        await scene.deploy(`${careless}\n// of another revision`, { name: scene.name, secrets: ['API_KEY'] });
      });
      await scene.expect('key', { code: 'OK', text: newKey });
      await assertHidden(scene, [oldKey, newKey]);
    },
  );
});

const damages: [what: string, damage: (path: string) => Promise<void>, said: string][] = [
  ['cut off', async (path) => writeFile(path, (await readFile(path)).subarray(0, 40)), 'is damaged'],
  ['empty', (path) => writeFile(path, ''), 'is damaged'],
  ['of another value', damagedValue, 'is damaged'],
  ['unreadable', (path) => rm(path).then(() => mkdir(path)), 'cannot be read \\(EISDIR\\)'],
];

async function damagedValue(path: string): Promise<void> {
  const text = await readFile(path, 'utf8');
  const [own, another] = [oldKey, newKey].map((value) => Buffer.from(value).toString('base64'));
  assert.ok(own !== undefined && another !== undefined && text.includes(own));
  await writeFile(path, text.replace(own, another));
}

daemonFaults('Damaged secrets at the start of the daemon', (row) => {
  row(
    'Files of secrets are cut off, empty, unreadable, or have another value than was set',
    'The daemon starts and says which, without a part of it; the functions that name them are FAILED_PRECONDITION, all others are served',
    async (scene) => {
      const first = await scene.startDaemon();
      const names = damages.map((_, index) => `KEY_${index}`);
      for (const name of names) {
        await first.control.setSecret(name, Buffer.from(oldKey));
        await deploySource(scene, first, name.toLowerCase().replace('_', '-'), echoSource, { secrets: [name] });
      }
      await deploySource(scene, first, 'other', echoSource);
      await first.stop();
      for (const [index, [, damage]] of damages.entries()) await damage(join(first.data, 'secrets', `KEY_${index}`));
      const second = await scene.startDaemon({ data: first.data });
      const client = scene.connect(second.url);
      await second.client.invoke('other', '');
      for (let count = 0; count < 100; count++) assert.equal((await client.invoke('other', String(count))).text, String(count));
      for (const [index, [what, , said]] of damages.entries()) {
        assert.match(second.log(), new RegExp(`/KEY_${index} ${said}: set it again, or remove the file`), what);
        await eventually('it has failed', async () => (await second.control.describe(`key-${index}`)).summary?.state === 'failed');
        const details = new RegExp(`there is no secret KEY_${index}, which key-${index} needs`);
        assertReply(await client.invoke(`key-${index}`, ''), { code: 'FAILED_PRECONDITION', details });
      }
      for (const value of [oldKey, newKey, Buffer.from(oldKey).toString('base64')]) assert.ok(!second.log().includes(value));
      await second.control.setSecret('KEY_0', Buffer.from(newKey));
      await deploySource(scene, second, 'key-0', echoSource, { secrets: ['KEY_0'] });
      assertReply(await client.invoke('key-0', 'back'), { code: 'OK', text: 'back' });
    },
  );
});
