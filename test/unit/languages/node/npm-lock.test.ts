import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { packageVersion } from '../../../../src/core/platform-packages.js';
import { pruneLock } from '../../../../src/languages/node/npm-lock.js';
import { planPackages } from '../../../../src/languages/node/npm-plan.js';
import { temporaryDirectory } from '../../../support/cleanup.js';

const entry = (dependencies: Record<string, string> = {}, more: object = {}) => ({ version: '1.0.0', dependencies, ...more });

/** The paths that are left of a list of packages. */
function pathsLeft(packages: Record<string, object>, ...dropped: string[]): string[] {
  const { packages: left } = pruneLock({ lockfileVersion: 3, packages }, new Set(dropped));
  assert.ok(typeof left === 'object' && left !== null);
  return Object.keys(left).sort();
}

test('what only a dropped package brings goes with it, what others need too stays', () => {
  const packages = {
    '': { dependencies: { '@dcf/sdk': 'file:sdk.tgz', tiny: '1' } },
    'node_modules/@dcf/sdk': entry({ shared: '1', alone: '1' }),
    'node_modules/@dcf/sdk/node_modules/inner': entry(),
    'node_modules/alone': entry(),
    'node_modules/shared': entry(),
    'node_modules/tiny': entry({ shared: '1' }),
  };
  assert.deepEqual(pathsLeft(packages, '@dcf/sdk'), ['', 'node_modules/shared', 'node_modules/tiny']);
});

test('a dropped package that another one needs stays', () => {
  const packages = {
    '': { dependencies: { sharp: '1', tiny: '1' } },
    'node_modules/sharp': entry(),
    'node_modules/tiny': entry({}, { peerDependencies: { sharp: '1' } }),
  };
  assert.deepEqual(pathsLeft(packages, 'sharp'), ['', 'node_modules/sharp', 'node_modules/tiny']);
});

test('a package is looked for as Node does, from the inside out, and circles end', () => {
  const packages = {
    '': { dependencies: { a: '1' }, devDependencies: { c: '1' } },
    'node_modules/a': entry({ b: '1' }),
    'node_modules/a/node_modules/b': entry({ a: '1', '@s/d': '1', inner: '1' }),
    'node_modules/a/node_modules/b/node_modules/inner': entry({ e: '1' }),
    'node_modules/a/node_modules/e': entry(),
    'node_modules/b': entry(),
    'node_modules/c': entry(),
    'node_modules/e': entry(),
    'node_modules/f': entry(),
    'node_modules/@s/d': entry({}, { optionalDependencies: { missing: '1', f: '1' } }),
  };
  assert.deepEqual(pathsLeft(packages), [
    '',
    'node_modules/@s/d',
    'node_modules/a',
    'node_modules/a/node_modules/b',
    'node_modules/a/node_modules/b/node_modules/inner',
    'node_modules/a/node_modules/e',
    'node_modules/f',
  ]);
});

test('a lock file without a list of packages is left as it is', () => {
  const lock = { lockfileVersion: 1, dependencies: {} };
  assert.equal(pruneLock(lock, new Set(['sharp'])), lock);
});

async function folderWith(t: TestContext, content: object, lock?: object): Promise<string> {
  const folder = join(await temporaryDirectory(t), 'revision');
  await mkdir(folder);
  await writeFile(join(folder, 'package.json'), JSON.stringify(content));
  if (lock !== undefined) await writeFile(join(folder, 'package-lock.json'), JSON.stringify(lock));
  return folder;
}

function planned(plan: Awaited<ReturnType<typeof planPackages>>, file: string): unknown {
  const bytes = plan?.files.get(file);
  assert.ok(bytes !== undefined, file);
  return JSON.parse(Buffer.from(bytes).toString());
}

test('a package.json that names nothing but what the platform has, and what is for development, needs no install and no lock file', async (t) => {
  const dependencies = {
    '@dcf/sdk': 'file:../dcf-sdk-0.1.0.tgz',
    'onnxruntime-node': `^${packageVersion('onnxruntime-node')}`,
    sharp: '*',
  };
  assert.equal(await planPackages(await folderWith(t, { dependencies })), undefined);
  assert.equal(await planPackages(await folderWith(t, { devDependencies: { '@dcf/sdk': 'file:/opt/sdk', typescript: '5' } })), undefined);
});

test('a lock file whose only links and far archives are those of the SDK is installed from, without them', async (t) => {
  const content = { dependencies: { tiny: '1.0.0' }, devDependencies: { '@dcf/sdk': 'file:/opt/dcf/sdk', typescript: '5.0.0' } };
  const lock = {
    lockfileVersion: 3,
    packages: {
      '': content,
      '../../opt/dcf/sdk': { version: '0.1.0' },
      'node_modules/@dcf/sdk': { resolved: '../../opt/dcf/sdk', link: true },
      'node_modules/typescript': { ...entry(), dev: true, resolved: 'file:../typescript.tgz' },
      'node_modules/tiny': entry(),
    },
  };
  const plan = await planPackages(await folderWith(t, content, lock));
  assert.deepEqual(planned(plan, 'package.json'), { dependencies: { tiny: '1.0.0' } });
  assert.deepEqual(planned(plan, 'package-lock.json'), {
    lockfileVersion: 3,
    packages: { '': { dependencies: { tiny: '1.0.0' } }, 'node_modules/tiny': entry() },
  });
});

test('what the platform has is left out of package.json and of its lock file alike', async (t) => {
  const content = { dependencies: { tiny: '1.0.0' }, optionalDependencies: { sharp: '*' }, peerDependencies: { '@dcf/sdk': '*' } };
  const packages = { '': content, 'node_modules/@dcf/sdk': entry(), 'node_modules/sharp': entry(), 'node_modules/tiny': entry() };
  const plan = await planPackages(await folderWith(t, content, { lockfileVersion: 3, packages }));
  const left = { dependencies: { tiny: '1.0.0' }, optionalDependencies: {}, peerDependencies: {} };
  assert.deepEqual(planned(plan, 'package.json'), left);
  assert.deepEqual(planned(plan, 'package-lock.json'), { lockfileVersion: 3, packages: { '': left, 'node_modules/tiny': entry() } });
});

test('a version that the platform does not have is installed, and wants a lock file', async (t) => {
  const content = { dependencies: { sharp: '0.30.0' } };
  await assert.rejects(
    async () => await planPackages(await folderWith(t, content)),
    /names dependencies, but the package has no package-lock/,
  );
  const lock = { lockfileVersion: 3, packages: { '': content, 'node_modules/sharp': { version: '0.30.0' } } };
  assert.deepEqual(planned(await planPackages(await folderWith(t, content, lock)), 'package-lock.json'), lock);
});

test('what names none of the platform packages is installed as it was written', async (t) => {
  const content = { dependencies: { tiny: '1.0.0' }, devDependencies: { typescript: '5.0.0' } };
  const lock = { lockfileVersion: 3, packages: { '': content, 'node_modules/tiny': entry(), 'node_modules/typescript': entry() } };
  const plan = await planPackages(await folderWith(t, content, lock));
  assert.deepEqual([planned(plan, 'package.json'), planned(plan, 'package-lock.json')], [content, lock]);
});

test('a byte order mark in package.json and its lock file does no harm; another encoding is named', async (t) => {
  const folder = await folderWith(t, {});
  await writeFile(join(folder, 'package.json'), `\uFEFF${JSON.stringify({ dependencies: { tiny: '1' } })}`);
  await writeFile(
    join(folder, 'package-lock.json'),
    `\uFEFF${JSON.stringify({ lockfileVersion: 3, packages: { '': {}, 'node_modules/tiny': entry() } })}`,
  );
  assert.deepEqual(planned(await planPackages(folder), 'package.json'), { dependencies: { tiny: '1' } });
  await writeFile(join(folder, 'package.json'), Buffer.from('\ufeff{}', 'utf16le'));
  await assert.rejects(planPackages(folder), { code: 'FAILED_PRECONDITION', message: /package\.json is UTF-16: save it as UTF-8$/ });
});
