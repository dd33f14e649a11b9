import assert from 'node:assert/strict';
import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Registry } from '../../../../src/registry/registry.js';
import { lockDirectory } from '../../../../src/registry/state/lock.js';
import { temporaryDirectory } from '../../../support/cleanup.js';
import { assertLaidOut, assertNoLeftovers, functionName, packageOf } from '../../../support/registry.js';

const holderEntry = fileURLToPath(new URL('lock-holder.js', import.meta.url));
const noFlock = '/nowhere/flock';

async function startHolder(context: TestContext, data: string): Promise<ChildProcess> {
  const child = fork(holderEntry, [data], { execArgv: [] });
  context.after(() => child.kill('SIGKILL'));
  await once(child, 'message');
  return child;
}

describe('lockDirectory', () => {
  for (const [name, command] of [
    ['flock(1)', undefined],
    ['the file alone', noFlock],
  ] as const) {
    test(`gives a directory to one holder, by ${name}`, async (context) => {
      const folder = await temporaryDirectory(context);
      const lock = lockDirectory(folder, command);
      assert.throws(() => lockDirectory(folder, command), {
        code: 'FAILED_PRECONDITION',
        message: `the data directory ${folder} is in use by another daemon (pid ${process.pid})`,
      });
      lock.release();
      lockDirectory(folder, command).release();
    });
  }

  test('without flock(1), is not fooled by a process id that another process has now', async (context) => {
    const folder = await temporaryDirectory(context);
    await writeFile(join(folder, 'lock'), `${process.pid} 1\n`);
    const lock = lockDirectory(folder, noFlock);
    assert.match(await readFile(join(folder, 'lock'), 'utf8'), new RegExp(`^${process.pid} \\d{2,}\n$`));
    lock.release();
  });

  test('without flock(1), takes over what a process that is gone has left', async (context) => {
    const folder = await temporaryDirectory(context);
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    await writeFile(join(folder, 'lock'), `${pid} 1234567\n`);
    lockDirectory(folder, noFlock).release();
    await writeFile(join(folder, 'lock'), 'nonsense');
    lockDirectory(folder, noFlock).release();
  });

  test('says why when the file cannot be locked', async (context) => {
    const folder = await temporaryDirectory(context);
    const command = join(folder, 'flock');
    await writeFile(command, '#!/bin/sh\necho "flock: 3: No locks available" >&2\nexit 71\n', { mode: 0o755 });
    assert.throws(() => lockDirectory(folder, command), {
      code: 'FAILED_PRECONDITION',
      message: `${join(folder, 'lock')} cannot be locked: flock: 3: No locks available; put the data directory on a local disk`,
    });
  });
});

describe('Registry.open', () => {
  test('refuses a directory that another process has, and takes it once that process is killed', async (context) => {
    const data = await temporaryDirectory(context);
    const holder = await startHolder(context, data);
    await assert.rejects(Registry.open(data), {
      code: 'FAILED_PRECONDITION',
      message: `the data directory ${data} is in use by another daemon (pid ${holder.pid})`,
    });
    const gone = once(holder, 'exit');
    holder.kill('SIGKILL');
    await gone;

    const registry = await Registry.open(data);
    context.after(() => registry.close());
    const record = registry.get(functionName('digits'));
    assert.ok(record);
    await assertLaidOut(record.active.directory, packageOf({ name: 'digits' }, { 'version.txt': '1' }));
    await assertNoLeftovers(data);
    assert.deepEqual((await readdir(join(data, 'functions/digits'))).sort(), [record.active.id, 'function.json'].sort());
  });

  test('gives the directory free when it is closed', async (context) => {
    const data = await temporaryDirectory(context);
    for (let time = 0; time < 3; time++) await (await Registry.open(data)).close();
  });

  test('refuses what is no directory', async (context) => {
    const folder = await temporaryDirectory(context);
    await writeFile(join(folder, 'file'), '');
    for (const path of [join(folder, 'file'), join(folder, 'file/below')]) {
      await assert.rejects(Registry.open(path), {
        code: 'FAILED_PRECONDITION',
        message: `the data directory ${path} is not a directory, or a part of its path is not one; choose another with --data`,
      });
    }
  });

  test('refuses a directory that it may not write', async (context) => {
    const folder = await temporaryDirectory(context);
    await chmod(folder, 0o555);
    // Nothing is refused to root, so that a process without its rights tries.
    const code = `
      const { Registry } = await import(${JSON.stringify(new URL('../../../../src/registry/registry.js', import.meta.url).href)});
      await Registry.open(process.argv[1]).catch((error) => console.log(error.code + ' ' + error.message));`;
    const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', code, folder], { encoding: 'utf8', ...nobody });
    assert.equal(
      stdout,
      `FAILED_PRECONDITION the data directory ${folder} cannot be written: permission denied; choose another with --data\n`,
    );
  });
});
