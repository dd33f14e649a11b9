import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { built, root } from '../support/programs.js';
import { pythonOf, pythonVersions } from '../support/pythons.js';
import { goldenFrames } from './golden.js';

const run = promisify(execFile);
const script = join(root, 'test/protocol/golden_frames.py');
const folders = [join(built, 'runtimes/python'), join(root, 'test/protocol/golden')];

for (const version of pythonVersions) {
  const python = await pythonOf(version);
  const skip = typeof python === 'string' ? python : false;
  test(`Python ${version} reads every golden frame as its message, and writes the message as its bytes`, { skip }, async () => {
    assert.ok(typeof python !== 'string');
    const { stdout } = await run(python.executable, ['-B', script, ...folders]);
    assert.equal(Number(stdout), goldenFrames().length);
  });
}
