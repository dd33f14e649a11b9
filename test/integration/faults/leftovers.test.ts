import assert from 'node:assert/strict';
import { faults } from '../../support/faults/fault-matrix.js';
import { holdSlot, holds } from '../../support/faults/holder.js';
import { Pauses } from '../../support/faults/pauses.js';
import { assertReply, type DaemonScene } from '../../support/faults/scene.js';
import { logged } from '../../support/functions.js';
import { shutGate } from '../../support/gate.js';
import { eventually } from '../../support/processes.js';

/** A Handler that answers, leaves something behind when it is told `fault`, and takes its time when it is told `slow`. */
function leaving(statement: string, slowly = ''): string {
  return `declare const process: any;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
export class Handler {
  isSlow = false;
  async call(request: any): Promise<any> {
    if (request.text() === 'pid') return String(process.pid);
    if (request.text() === 'slow') { ${slowly} }
    if (request.text() === 'fault') { ${statement} }
    return request.input;
  }
}`;
}

/** Calls until another process answers; every call must be answered. */
async function replacedUnderLoad(scene: DaemonScene, before: string): Promise<void> {
  await eventually('another replica answers', async () => (await scene.expect('pid', { code: 'OK' })).text !== before);
  await eventually('the old one is gone', async () => !(await scene.replicas()).includes(Number(before)));
}

const left: [fault: string, statement: string, text: RegExp][] = [
  [
    'A timer throws after the reply',
    "setTimeout(() => { throw new Error('left behind'); }, 0);",
    /an uncaught exception: Error: left behind/,
  ],
  [
    'A promise rejects unhandled after the reply',
    "void Promise.reject(new Error('left behind'));",
    /an unhandled rejection: Error: left behind/,
  ],
  ['A promise rejects unhandled with null', 'void Promise.reject(null);', /an unhandled rejection: null was thrown/],
];

faults('What a call leaves behind', {}, (row) => {
  for (const [fault, statement, text] of left) {
    row(fault, "That call is answered; it is logged with the call's id; the replica is replaced without a failed call", async (scene) => {
      await scene.deploy(leaving(statement));
      const { text: before } = await scene.expect('pid', { code: 'OK' });
      const options = { headers: { 'dcf-request-id': 'guilty' } };
      await scene.expect('fault', { code: 'OK', text: 'fault' }, options);
      // The last of the calls that a Handler gets one by one is blamed, so none may follow yet.
      await logged(scene.daemon, scene.name, text, 'guilty');
      await replacedUnderLoad(scene, before);
    });
  }

  row(
    'A timer throws during the call, which then never ends',
    'INTERNAL with the reason `uncaught`; other calls in the same worker are answered; the replica is replaced',
    async (scene) => {
      const statement = "setTimeout(() => { throw new Error('in the call'); }, 0); return new Promise(() => undefined);";
      const gate = await shutGate(scene);
      await scene.deploy(leaving(statement, gate.wait), { concurrency: 4 });
      const { text: before } = await scene.expect('pid', { code: 'OK' });
      const beside = [1, 2].map(() => scene.call('slow', { timeoutMs: 30_000 }));
      await eventually('they run', async () => (await scene.daemon.control.describe(scene.name)).running === 2);
      await scene.expect('fault', { code: 'INTERNAL', reason: 'uncaught' });
      await gate.open();
      for (const reply of await Promise.all(beside)) assertReply(reply, { code: 'OK', text: 'slow' });
      await replacedUnderLoad(scene, before);
    },
  );

  row('A timer of an earlier call throws while another call runs', 'That call is answered; the replica is replaced', async (scene) => {
    const throwing = `const timer = setInterval(() => {
      if (!this.isSlow) return;
      clearInterval(timer);
      throw new Error('of the earlier call');
    }, 5);`;
    // A call that is to blame would be failed a second after; this one goes on for longer.
    await scene.deploy(leaving(throwing, 'this.isSlow = true; await sleep(3_000);'));
    const { text: before } = await scene.expect('pid', { code: 'OK' });
    await scene.expect('fault', { code: 'OK', text: 'fault' });
    await scene.expect('slow', { code: 'OK', text: 'slow' });
    await replacedUnderLoad(scene, before);
  });

  row('Every call leaves an unhandled rejection behind', 'All are answered; no storm of spawns', async (scene) => {
    await scene.deploy(leaving("void Promise.reject(new Error('every time'));"));
    const pauses = new Pauses(scene);
    const { text: before } = await scene.expect('pid', { code: 'OK' });
    const call = () => scene.expect('fault', { code: 'OK', text: 'fault' }, { timeoutMs: 30_000 });
    for (let count = 0; count < 200; count++) await call();
    await eventually('the pauses became longer', async () => {
      await call();
      return pauses.count >= 3;
    });
    await pauses.becomeLonger();
    await replacedUnderLoad(scene, before);
  });
});

const batching = `declare const process: any;
export class Handler {
  call() { throw new Error('batches only'); }
  async callBatch(requests: any[]): Promise<any[]> {
    const texts = requests.map((request) => request.text());
    if (texts.includes('hold')) await new Promise((resolve) => requests[0].signal.addEventListener('abort', resolve));
    if (texts.includes('die')) process.exit(5);
    if (texts.includes('throw')) throw new Error('the whole batch');
    if (texts.includes('too few')) return [];
    return texts.map((text) => (text === 'bad' ? new Error('a bad one') : text === 'nothing' ? undefined : text));
  }
}`;

const batchSize = 8;

/** Makes a call and thirty others while none can begin, so that the first shares its batch with seven of them. */
async function amongOthers(scene: DaemonScene, input: string) {
  const letGo = await holdSlot(scene);
  const others = Array.from({ length: 30 }, (_, index) => `good ${index}`);
  const calls = [input, ...others].map((text) => scene.call(text));
  await holds(scene, 1 + calls.length);
  await letGo();
  const [bad, ...replies] = await Promise.all(calls);
  assert.ok(bad !== undefined);
  return { bad, replies };
}

faults('Batches', {}, (row) => {
  const settings = { batch: { maxSize: batchSize } };
  const single: [fault: string, input: string, code: string, details: RegExp][] = [
    ['`callBatch` returns an Error for one call', 'bad', 'UNKNOWN', /^a bad one$/],
    ['`callBatch` returns nothing for one call', 'nothing', 'INTERNAL', /returned nothing/],
  ];
  for (const [fault, input, code, details] of single) {
    row(fault, `${code} for that call alone; the others in its batch are answered`, async (scene) => {
      await scene.deploy(batching, settings);
      await scene.throughout(async () => {
        const { bad, replies } = await amongOthers(scene, input);
        assertReply(bad, { code, details });
        for (const [index, reply] of replies.entries()) assertReply(reply, { code: 'OK', text: `good ${index}` });
      });
    });
  }

  const whole: [fault: string, input: string, code: string, details: RegExp][] = [
    ['`callBatch` throws', 'throw', 'UNKNOWN', /^the whole batch$/],
    ['`callBatch` returns too few replies', 'too few', 'INTERNAL', /callBatch returned 0 replies for \d+ requests/],
    ['`callBatch` ends the process', 'die', 'INTERNAL', /exited with code 5/],
  ];
  for (const [fault, input, code, details] of whole) {
    row(fault, `${code} for the calls of that batch; all others are answered`, async (scene) => {
      await scene.deploy(batching, settings);
      const { bad, replies } = await amongOthers(scene, input);
      assertReply(bad, { code, details });
      const failed = replies.filter((reply) => reply.code !== 'OK');
      for (const reply of failed) assertReply(reply, { code, details });
      assert.equal(failed.length, batchSize - 1, 'those of its batch failed');
      await scene.expect('next', { code: 'OK', text: 'next' });
    });
  }
});
