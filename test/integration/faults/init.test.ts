import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '../../support/cleanup.js';
import { faults } from '../../support/faults/fault-matrix.js';
import { Pauses } from '../../support/faults/pauses.js';
import { newRevisionFails } from '../../support/faults/plays.js';
import { assertReply, type DaemonScene, passedIn } from '../../support/faults/scene.js';
import type { DeploySettings } from '../../support/functions.js';
import { eventually } from '../../support/processes.js';

/** A Handler whose `init` goes wrong while the file `bad` is there; `exit` ends it, anything else is echoed. */
function fragile(statement: string): string {
  return `import { existsSync } from 'node:fs';
declare const process: any;
declare const setTimeout: any;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
export class Handler {
  constructor(readonly context: any) {}
  async init(): Promise<void> {
    const { bad } = this.context.parameters;
    if (existsSync(bad)) { ${statement} }
  }
  call(request: any): any {
    if (request.text() === 'exit') process.exit(3);
    return request.input;
  }
}`;
}

/** Deploys it while all is well, then makes the file `bad` and ends the replica. */
async function goesBad(scene: DaemonScene, statement: string, settings: DeploySettings = {}): Promise<{ bad: string; pauses: Pauses }> {
  const bad = join(await temporaryDirectory(scene), 'bad');
  await scene.deploy(fragile(statement), { parameters: { bad }, ...settings });
  const pauses = new Pauses(scene);
  writeFileSync(bad, '');
  await scene.expect('exit', { code: 'INTERNAL', reason: 'exit:3' });
  return { bad, pauses };
}

async function recovers(scene: DaemonScene, bad: string): Promise<void> {
  rmSync(bad);
  await eventually('it is back', async () => (await scene.call('back')).text === 'back');
  await scene.expect('and stays', { code: 'OK', text: 'and stays' });
}

/** On a loaded machine a process takes a while to start. */
const slowToFail: DeploySettings = { initTimeout: '1500ms' };

const failures: [fault: string, statement: string, details: RegExp, settings?: DeploySettings][] = [
  ['`init` throws', "throw new Error('the weights are gone');", /fault is not ready: .*the weights are gone/],
  ['`init` exits', 'process.exit(7);', /fault is not ready: .*exited with code 7/],
  ['`init` hangs', 'return new Promise(() => undefined);', /fault is not ready: .*initTimeout/, slowToFail],
  ['`init` loops without end', 'for (;;);', /fault is not ready: .*initTimeout/, slowToFail],
];

faults('What a Handler does while it is built', {}, (row) => {
  for (const [fault, statement, details, settings] of failures) {
    const expected = 'FAILED_PRECONDITION with the reason; tried again ever more seldom; back when the cause is gone';
    row(`${fault}, in a replica that is started anew`, expected, async (scene) => {
      const { bad, pauses } = await goesBad(scene, statement, settings);
      await scene.expect('call', { code: 'FAILED_PRECONDITION', details });
      await pauses.becomeLonger();
      await scene.expect('call', { code: 'FAILED_PRECONDITION', details });
      await recovers(scene, bad);
    });
  }

  row('`init` takes long', 'Calls wait for it, in the queue, up to their deadline', async (scene) => {
    const { bad } = await goesBad(scene, 'while (existsSync(bad)) await sleep(5);');
    const patient = Array.from({ length: 10 }, (_, index) => scene.call(`patient ${index}`, { timeoutMs: 30_000 }));
    await scene.expect('impatient', { code: 'DEADLINE_EXCEEDED', details: passedIn('queue') }, { timeoutMs: 300 });
    rmSync(bad);
    for (const [index, reply] of (await Promise.all(patient)).entries()) assertReply(reply, { code: 'OK', text: `patient ${index}` });
  });

  row(
    'A replica ends with every call',
    'INTERNAL each time, then UNAVAILABLE, not started, with a push-back; no storm of spawns; back after the pause',
    async (scene) => {
      const { bad, pauses } = await goesBad(scene, '');
      let reply = await scene.call('exit');
      await eventually('it is not tried again at once', async () => {
        if (reply.code === 'INTERNAL') reply = await scene.call('exit');
        return reply.code !== 'INTERNAL';
      });
      assertReply(reply, { code: 'UNAVAILABLE', details: /exited with code 3; the next start is tried in/ });
      assert.ok(reply.notStarted && (reply.pushbackMs ?? 0) > 0);
      await pauses.becomeLonger();
      await recovers(scene, bad);
    },
  );

  row(
    '`init` throws in the first replica of a function at rest (`replicas.min: 0`)',
    'FAILED_PRECONDITION with the reason; back when the cause is gone',
    async (scene) => {
      const bad = join(await temporaryDirectory(scene), 'bad');
      await scene.deploy(fragile("throw new Error('cold and bad');"), {
        parameters: { bad },
        replicas: { min: 0, max: 1, idleTimeout: '50ms' },
      });
      await eventually('it is at rest', async () => (await scene.daemon.control.describe(scene.name)).replicas.length === 0);
      writeFileSync(bad, '');
      await scene.expect('call', { code: 'FAILED_PRECONDITION', details: /fault is not ready: .*cold and bad/ });
      await recovers(scene, bad);
    },
  );
});

const refusals: [fault: string, statement: string, message: RegExp, settings?: DeploySettings][] = [
  ['`init` of a new revision throws', "throw new Error('new and bad');", /new and bad/],
  ['`init` of a new revision exits', 'process.exit(7);', /exited with code 7/],
  ['`init` of a new revision hangs', 'return new Promise(() => undefined);', /initTimeout/, { initTimeout: '300ms' }],
  ['A new revision loops without end when it is built', 'for (;;);', /initTimeout/, { initTimeout: '300ms' }],
];

faults('What a new revision does while it is built', {}, (row) => {
  for (const [fault, statement, message, settings] of refusals) {
    row(fault, 'The deploy is FAILED_PRECONDITION with the reason; the revision before serves on, in the same process', async (scene) => {
      const source = `declare const process: any; export class Handler { async init(): Promise<void> { ${statement} } call() { return 'the new one'; } }`;
      await newRevisionFails(scene, source, message, settings);
    });
  }
});
