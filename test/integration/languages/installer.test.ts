import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runInstaller } from '../../../src/languages/shared/installer.js';
import { temporaryDirectory } from '../../support/cleanup.js';

/** More than the longest string that V8 can hold. */
const pieces = 600;

test('an installer that prints without line breaks fills no memory: the line is cut, and those after it come whole', async (t) => {
  const program = `
const piece = 'x'.repeat(2 ** 20);
for (let at = 0; at < ${pieces}; at++) require('fs').writeSync(1, piece);
console.log();
console.log('done');`;
  const lines: string[] = [];
  await runInstaller(
    { name: 'an installer', command: [process.execPath, '-e', program], directory: await temporaryDirectory(t), environment: {} },
    { onOutput: (line) => lines.push(line), signal: new AbortController().signal, timeLimitMs: 120_000 },
  );
  assert.equal(lines.length, 2);
  assert.match(lines[0] ?? '', /^x{4000,} … \(cut\)$/);
  assert.equal(lines[1], 'done');
});
