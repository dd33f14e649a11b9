import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { test } from 'node:test';
import { Allowance } from '../../../src/core/allowance.js';
import { readLines } from '../../../src/pool/output-lines.js';

function print(script: string): Readable {
  return spawn(process.execPath, ['--eval', script], { stdio: ['ignore', 'pipe', 'inherit'] }).stdout;
}

test('every line that a process prints is taken, in order, also the last without an end', async () => {
  const stdout = print("for (let i = 0; i < 20000; i++) process.stdout.write('line ' + i + '\\n'); process.stdout.write('the last');");
  const lines: string[] = [];
  readLines(stdout, new Allowance(1_000_000, () => assert.fail('there is room for all')), (line) => lines.push(line));
  await once(stdout, 'end');
  assert.equal(lines.length, 20_001);
  assert.deepEqual([lines[0], lines[19_999], lines[20_000]], ['line 0', 'line 19999', 'the last']);
});

test('lines beyond the allowance are counted, each once', async () => {
  const stdout = print("for (let i = 0; i < 20000; i++) process.stdout.write('line ' + i + '\\n');");
  let taken = 0;
  let missing = 0;
  const allowance = new Allowance(100, (refused) => {
    missing += refused;
  });
  readLines(stdout, allowance, () => {
    taken += 1;
  });
  await once(stdout, 'end');
  allowance.flush();
  assert.ok(missing > 0);
  assert.equal(taken + missing, 20_000);
});

test('one that prints without end leaves other work its turn', async (t) => {
  const child = spawn('yes', ['x'.repeat(99)], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => void child.kill('SIGKILL'));
  const { stdout } = child;
  let bytes = 0;
  const turns: number[] = [];
  const done = new Promise<void>((resolve) => {
    stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > 2 ** 20) resolve();
    });
  });
  const allowance = new Allowance(10, () => undefined);
  readLines(stdout, allowance, () => undefined);
  const turn = (): void => {
    turns.push(bytes);
    if (bytes <= 2 ** 20) setImmediate(turn);
  };
  turn();
  await done;
  const atOnce = turns.slice(1).map((after, index) => after - (turns[index] ?? 0));
  assert.ok(Math.max(...atOnce) <= 256 * 1024, `${Math.max(...atOnce)} bytes in one turn`);
  allowance.forget();
});
