import assert from 'node:assert/strict';
import { faults } from '../../support/faults/fault-matrix.js';
import type { DaemonScene } from '../../support/faults/scene.js';
import { eventually } from '../../support/processes.js';

const lines = 100_000;
const longLine = 8_000_000;
/** A longer line is cut into several. */
const maxLineLength = 16 * 1024;

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

/** Waits until the log has so many lines like this, or says that they are missing. */
async function accounted(scene: DaemonScene, pattern: RegExp, count: number): Promise<void> {
  let [written, missing] = [0, 0];
  const look = async (): Promise<boolean> => {
    [written, missing] = [0, 0];
    for await (const { text } of scene.daemon.control.logs({ name: scene.name })) {
      if (pattern.test(text)) written += 1;
      missing += Number(/^(\d+) (?:lines were dropped|entries are missing) here/.exec(text)?.[1] ?? 0);
      assert.ok(text.length <= maxLineLength, `a line has ${text.length} characters`);
    }
    return written + missing >= count;
  };
  await eventually(`each of ${count} lines is in the log, or counted there`, look);
  scene.note(`${written} lines were written, ${missing} counted`);
  assert.equal(written + missing, count);
}

const manyLines = /^line \d+ of very many$/;

faults('Logs', {}, (row) => {
  const expected = 'Other functions are answered meanwhile; memory is bounded; what cannot be written in time is counted in the log';
  row(`A call logs ${lines.toLocaleString('en')} lines at once`, expected, async (scene) => {
    const meanwhile = await flood(scene, `for (let line = 0; line < ${lines}; line++) console.log('line ' + line + ' of very many');`);
    assert.ok(meanwhile > 0, 'they did not have to wait for all that there was to log');
    await accounted(scene, manyLines, lines);
  });

  row(`A call writes ${lines.toLocaleString('en')} lines to stdout at once`, expected, async (scene) => {
    await flood(scene, `for (let line = 0; line < ${lines}; line++) process.stdout.write('line ' + line + ' of very many\\n');`);
    await accounted(scene, manyLines, lines);
  });

  row('A call writes a line of 8 MB to stdout', expected, async (scene) => {
    await flood(scene, `await new Promise((resolve) => process.stdout.write('x'.repeat(${longLine}) + '\\n', resolve));`);
    await accounted(scene, /^x+$/, Math.ceil(longLine / maxLineLength));
  });
});
