import assert from 'node:assert/strict';
import { faults } from '../../support/faults/fault-matrix.js';
import { busyReplica, noticesItsDeadline, oneOfTwoEnds } from '../../support/faults/plays.js';
import { assertReply, passedIn } from '../../support/faults/scene.js';
import { eventually } from '../../support/processes.js';

/** A Handler that does something dreadful when it is told `die`, waits for its signal when it is told `wait`, and echoes otherwise. */
function dying(statement: string): string {
  return `import { closeSync, writeSync } from 'node:fs';
declare const process: any;
declare const Buffer: any;
const frame = (type: number, id: number) => Buffer.from([0, 0, 0, 0, 0, 0, type, 0, id, 0, 0, 0, 0, 0, 0, 0]);
export class Handler {
  async call(request: any): Promise<any> {
    switch (request.text()) {
      case 'die': ${statement} return new Promise(() => undefined);
      case 'wait': return await new Promise((resolve) => request.signal.addEventListener('abort', () => resolve('aborted')));
      default: return request.input;
    }
  }
}`;
}

const ends: [fault: string, statement: string, reason: RegExp][] = [
  ['The Handler calls `process.exit(0)`', 'process.exit(0);', /^exit:0$/],
  ['The Handler gets a SIGSEGV', "process.kill(process.pid, 'SIGSEGV');", /^signal:SIGSEGV$/],
  ['The Handler calls `process.abort()`', 'process.abort();', /^signal:SIGABRT$/],
];

faults('What a Handler does to its process', {}, (row) => {
  const expected = 'INTERNAL with the reason; the calls in the queue are answered by others; the replica is replaced';
  for (const [fault, statement, reason] of ends) {
    row(fault, `${expected} (\`dcf-reason\` is \`${reason.source.slice(1, -1)}\`)`, (scene) =>
      oneOfTwoEnds(scene, dying(statement), reason),
    );
  }

  row('SIGKILL from outside, during a call', `${expected} (\`signal:SIGKILL\`)`, (scene) =>
    oneOfTwoEnds(scene, dying(''), /^signal:SIGKILL$/, {
      kill: async () => void process.kill(await busyReplica(scene), 'SIGKILL'),
    }),
  );

  const broken: [fault: string, statement: string, reason: RegExp][] = [
    ['The Handler closes its descriptor 3', 'closeSync(3);', /^(stream-closed|signal:SIGABRT|exit:\d+)$/],
    ['The Handler writes rubbish to its descriptor 3', "writeSync(3, 'x'.repeat(64));", /^protocol$/],
    ['The Handler answers a call on descriptor 3 that it was never given', 'writeSync(3, frame(5, 200));', /^protocol$/],
    ['The Handler sends a message on descriptor 3 that only the daemon may send', 'writeSync(3, frame(12, 0));', /^protocol$/],
    ['The process ends in the middle of a message', 'writeSync(3, frame(5, 1).subarray(0, 9)); process.exit(0);', /^(protocol|exit:0)$/],
  ];
  for (const [fault, statement, reason] of broken) {
    row(fault, 'INTERNAL with the reason; the replica is replaced; the queued calls are answered', (scene) =>
      oneOfTwoEnds(scene, dying(statement), reason),
    );
  }
});

faults('What never ends', {}, (row) => {
  row(
    'The Handler never resolves, but heeds its signal',
    'DEADLINE_EXCEEDED; the signal fires, the slot is free, the worker is kept',
    (scene) => noticesItsDeadline(scene, dying('')),
  );

  row('The Handler never resolves', 'DEADLINE_EXCEEDED; the slot is back after the grace', async (scene) => {
    await scene.deploy(dying(''));
    await scene.expect('die', { code: 'DEADLINE_EXCEEDED', details: passedIn('Handler') }, { timeoutMs: 100 });
    await scene.expect('next', { code: 'OK', text: 'next' });
  });

  row('The Handler loops without end', 'DEADLINE_EXCEEDED; after the grace the replica is killed, and replaced', async (scene) => {
    await scene.deploy(dying('for (;;);'));
    const before = await scene.replica();
    await scene.expect('die', { code: 'DEADLINE_EXCEEDED' }, { timeoutMs: 200 });
    await scene.expect('next', { code: 'OK', text: 'next' });
    assert.notEqual(await scene.replica(), before);
    assert.match((await scene.daemon.control.describe(scene.name)).lastFailure, /ran on past its deadline/);
  });

  row(
    'The Handler loops without end, beside other calls in the same worker',
    'Each of those calls ends by its own deadline at the latest; calls in the queue are answered by the next replica',
    async (scene) => {
      await scene.deploy(dying('for (;;);'), { concurrency: 4 });
      const before = await scene.replica();
      const beside = [1, 2, 3].map(() => scene.call('wait', { timeoutMs: 3_000 }));
      await eventually('they run', async () => (await scene.daemon.control.describe(scene.name)).running === 3);
      const spinning = scene.call('die', { timeoutMs: 200 });
      const queued = [1, 2].map(() => scene.call('queued', { timeoutMs: 30_000 }));
      assertReply(await spinning, { code: 'DEADLINE_EXCEEDED' });
      for (const reply of await Promise.all(queued)) assertReply(reply, { code: 'OK', text: 'queued' });
      for (const { code, reason, details } of await Promise.all(beside)) {
        assert.ok(code === 'DEADLINE_EXCEEDED' || (code === 'INTERNAL' && reason === 'deadline'), `${code} ${details}`);
      }
      await eventually('it is replaced', async () => !(await scene.replicas()).includes(before));
    },
  );

  row(
    'Every worker loops without end',
    'Calls in the queue get DEADLINE_EXCEEDED in time, or are answered by the next replica',
    async (scene) => {
      await scene.deploy(dying('for (;;);'), { replicas: { min: 2, max: 2 } });
      const before = await scene.replicas();
      const spinning = [1, 2].map(() => scene.call('die', { timeoutMs: 600 }));
      const impatient = scene.call('queued', { timeoutMs: 100 });
      const patient = scene.call('queued');
      assertReply(await impatient, { code: 'DEADLINE_EXCEEDED', details: passedIn('queue') });
      for (const reply of await Promise.all(spinning)) assertReply(reply, { code: 'DEADLINE_EXCEEDED' });
      assertReply(await patient, { code: 'OK', text: 'queued' });
      await eventually('both are replaced', async () => {
        const now = await scene.replicas();
        return now.length === 2 && !now.some((pid) => before.includes(pid));
      });
    },
  );
});
