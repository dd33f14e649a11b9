import assert from 'node:assert/strict';
import { faults } from '../../support/faults/fault-matrix.js';
import { fillsMemory } from '../../support/faults/plays.js';
import { eventually } from '../../support/processes.js';

/** A Handler that fills its memory when it is told `fill`, a little at a time, so that it can be seen; it echoes otherwise. */
function filling(statement: string): string {
  return `import { spawn } from 'node:child_process';
declare const process: any;
declare const Buffer: any;
declare const setTimeout: any;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const kept: any[] = [];
export class Handler {
  async call(request: any): Promise<any> {
    if (request.text() !== 'fill') return request.input;
    ${statement}
  }
}`;
}

const leakingCalls = 2_000;

faults('Memory of a replica', {}, (row) => {
  const expected = 'INTERNAL with the reason `memory`; the calls in the queue are answered by others; the replica is replaced';
  row('The heap grows over `limits.memory`', expected, (scene) =>
    fillsMemory(scene, filling('for (;;) { kept.push(new Array(100_000).fill(kept.length)); await sleep(1); }'), /memory|heap/),
  );

  row('Buffers outside of the heap grow over `limits.memory`', expected, (scene) =>
    fillsMemory(
      scene,
      filling('for (;;) { kept.push(Buffer.alloc(8 * 2 ** 20, 1)); await sleep(10); }'),
      /more memory than limits\.memory allows: 256 MiB/,
    ),
  );

  const child = 'const kept = []; setInterval(() => kept.push(Buffer.alloc(8 * 2 ** 20, 1)), 10)';
  row('A process that the Handler started grows over `limits.memory`', expected, (scene) =>
    fillsMemory(
      scene,
      filling(`spawn(process.execPath, ['-e', ${JSON.stringify(child)}], { stdio: 'ignore' }); await new Promise(() => undefined);`),
      /more memory than limits\.memory allows: 256 MiB/,
    ),
  );

  row(
    `The Handler leaks 1 MB a call, ${leakingCalls.toLocaleString('en')} calls, with \`recycle.maxMemory\``,
    'All are answered; the replica is replaced time and again',
    async (scene) => {
      const source =
        'declare const Buffer: any; const kept: any[] = []; export class Handler { call(request: any) { kept.push(Buffer.alloc(1e6, 1)); return request.input; } }';
      await scene.deploy(source, { recycle: { maxMemory: '256MiB' } });
      const first = await scene.replica();
      for (let count = 0; count < leakingCalls; count++) await scene.expect(String(count), { code: 'OK', text: String(count) });
      await eventually('it was replaced', async () => !(await scene.replicas()).includes(first));
      const starts: string[] = [];
      for await (const { text } of scene.daemon.control.logs({ name: scene.name }))
        if (/is replaced: it uses/.test(text)) starts.push(text);
      scene.note(`it was replaced ${starts.length} times`);
      assert.ok(starts.length > 0);
    },
  );

  row('`recycle.maxCalls` under load', 'No call fails', async (scene) => {
    await scene.deploy('export class Handler { call(request: any) { return request.input; } }', {
      recycle: { maxCalls: 100 },
      concurrency: 2,
    });
    const first = await scene.replica();
    let made = 0;
    const caller = async (): Promise<void> => {
      while (made < 1_000) {
        made += 1;
        await scene.expect(String(made), { code: 'OK' });
      }
    };
    await Promise.all([1, 2, 3, 4].map(caller));
    await eventually('it was replaced', async () => !(await scene.replicas()).includes(first));
  });
});
