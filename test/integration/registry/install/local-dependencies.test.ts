import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { nodeInterpreter } from '../../../../src/core/interpreter.js';
import { installLocally } from '../../../../src/registry/install/local-dependencies.js';
import { temporaryDirectory } from '../../../support/cleanup.js';

test('an install that is given up before its turn is CANCELLED, and nothing is installed', async (t) => {
  const folder = await temporaryDirectory(t);
  const [directory, cache] = [join(folder, 'function'), join(folder, 'cache')];
  await mkdir(directory);
  await writeFile(join(directory, 'package.json'), JSON.stringify({ name: 'f', version: '1.0.0', dependencies: { tiny: '1.0.0' } }));
  const packages = { '': { dependencies: { tiny: '1.0.0' } }, 'node_modules/tiny': { version: '1.0.0' } };
  await writeFile(join(directory, 'package-lock.json'), JSON.stringify({ name: 'f', lockfileVersion: 3, packages }));
  const options = { directory, cache, interpreter: nodeInterpreter, onOutput: assert.fail, onBegin: assert.fail };
  await assert.rejects(installLocally({ ...options, signal: AbortSignal.abort() }), {
    code: 'CANCELLED',
    message: 'installing the dependencies was cancelled',
  });
  const left = await readdir(join(cache, 'dependencies'));
  assert.deepEqual(
    left.filter((name) => !name.endsWith('.lock')),
    [],
  );
});
