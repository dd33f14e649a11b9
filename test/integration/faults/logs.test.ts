import assert from 'node:assert/strict';
import { faults } from '../../support/faults/fault-matrix.js';
import type { DaemonScene } from '../../support/faults/scene.js';

const lines = 100_000;

/** Runs a call that floods the log; returns how many calls to another function were answered meanwhile. */
async function flood(scene: DaemonScene, statement: string): Promise<number> {
  await scene.deploy(`declare const process: any;
export class Handler {
  async call(request: any): Promise<any> {
    if (request.text() !== 'flood') return request.input;
    ${statement}
    return 'done';
  }
}`);
  const before = scene.bystander.calls;
  const { tookMs } = await scene.expect('flood', { code: 'OK', text: 'done' }, { timeoutMs: 60_000 });
  const meanwhile = scene.bystander.calls - before;
  scene.note(`the call took ${Math.round(tookMs)} ms, and ${meanwhile} calls to another function were answered meanwhile`);
  await scene.expect('next', { code: 'OK', text: 'next' });
  return meanwhile;
}

faults('Logs', {}, (row) => {
  const expected = 'Other functions are answered meanwhile; memory is bounded; what cannot be written in time is counted in the log';
  row(`A call logs ${lines.toLocaleString('en')} lines at once`, expected, async (scene) => {
    const meanwhile = await flood(scene, `for (let line = 0; line < ${lines}; line++) console.log('line ' + line + ' of very many');`);
    assert.ok(meanwhile > 0, 'they did not have to wait for all that there was to log');
  });

  row(`A call writes ${lines.toLocaleString('en')} lines to stdout at once`, expected, async (scene) => {
    await flood(scene, `for (let line = 0; line < ${lines}; line++) process.stdout.write('line ' + line + ' of very many\\n');`);
  });

  row('A call writes a line of 8 MB to stdout', expected, async (scene) => {
    await flood(scene, "await new Promise((resolve) => process.stdout.write('x'.repeat(8_000_000) + '\\n', resolve));");
  });
});
