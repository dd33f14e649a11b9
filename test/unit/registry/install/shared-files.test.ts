import assert from 'node:assert/strict';
import { chmod, link, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { shareFiles, sweepSharedFiles } from '../../../../src/registry/install/shared-files.js';
import { temporaryDirectory } from '../../../support/cleanup.js';

async function setUp(t: test.TestContext) {
  const data = await temporaryDirectory(t);
  const folder = async (name: string, files: Readonly<Record<string, string>>): Promise<string> => {
    const path = join(data, name);
    await mkdir(join(path, 'sub'), { recursive: true });
    for (const [file, text] of Object.entries(files)) await writeFile(join(path, file), text);
    return path;
  };
  const inode = async (...path: string[]): Promise<number> => (await stat(join(data, ...path))).ino;
  return { data, folder, inode, shared: () => readdir(join(data, 'shared-files')) };
}

test('equal files share their space, others do not, and every file reads as before', async (t) => {
  const { data, folder, inode, shared } = await setUp(t);
  const one = await folder('one', { a: 'same', b: 'mine', 'sub/c': 'same' });
  const two = await folder('two', { a: 'same', b: 'yours', 'sub/c': 'same' });
  assert.equal(await shareFiles(one, data), 4, 'the second of two equal files in one install');
  assert.equal(await shareFiles(two, data), 8);
  const same = await inode('one', 'a');
  for (const path of [
    ['one', 'sub/c'],
    ['two', 'a'],
    ['two', 'sub/c'],
  ])
    assert.equal(await inode(...path), same, path.join('/'));
  assert.notEqual(await inode('one', 'b'), await inode('two', 'b'));
  assert.equal(await readFile(join(two, 'b'), 'utf8'), 'yours');
  assert.equal((await shared()).length, 3);
  assert.deepEqual((await readdir(two)).sort(), ['a', 'b', 'sub']);
});

test('what is executable is kept apart from what is not; nothing can be written any more', async (t) => {
  const { data, folder, inode } = await setUp(t);
  const one = await folder('one', { program: 'same', text: 'same' });
  await chmod(join(one, 'program'), 0o755);
  await shareFiles(one, data);
  assert.notEqual(await inode('one', 'program'), await inode('one', 'text'));
  assert.deepEqual([(await stat(join(one, 'program'))).mode & 0o777, (await stat(join(one, 'text'))).mode & 0o777], [0o555, 0o444]);
});

test('links and empty files are left alone', async (t) => {
  const { data, folder, shared } = await setUp(t);
  const one = await folder('one', { empty: '', a: 'text' });
  await symlink('a', join(one, 'link'));
  assert.equal(await shareFiles(one, data), 0);
  assert.equal((await shared()).length, 1);
  assert.deepEqual((await readdir(one)).sort(), ['a', 'empty', 'link', 'sub']);
});

test('a file that is shared already, as uv leaves it, is left as it is', async (t) => {
  const { data, folder, inode } = await setUp(t);
  const one = await folder('one', { a: 'text' });
  await shareFiles(one, data);
  const two = await folder('two', {});
  await link(join(one, 'a'), join(two, 'a'));
  assert.equal(await shareFiles(two, data), 0);
  assert.equal(await inode('two', 'a'), await inode('one', 'a'));
});

test('installs at the same time do not disturb one another', async (t) => {
  const { data, folder, inode } = await setUp(t);
  const files = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`f${index}`, `content ${index % 5}`]));
  const folders = await Promise.all(['one', 'two', 'three'].map((name) => folder(name, files)));
  await Promise.all(folders.map((path) => shareFiles(path, data)));
  for (let index = 0; index < 50; index++) {
    const name = `f${index}`;
    assert.equal(await inode('one', name), await inode('three', name), name);
    assert.equal(await readFile(join(data, 'two', name), 'utf8'), `content ${index % 5}`);
  }
});

test('a file goes when no install has it any more, not before', async (t) => {
  const { data, folder, shared } = await setUp(t);
  const [one, two] = [await folder('one', { a: 'same', b: 'mine' }), await folder('two', { a: 'same' })];
  for (const path of [one, two]) await shareFiles(path, data);
  await rm(one, { recursive: true });
  await sweepSharedFiles(data);
  assert.equal((await shared()).length, 1);
  assert.equal(await readFile(join(two, 'a'), 'utf8'), 'same');
  await rm(two, { recursive: true });
  await sweepSharedFiles(data);
  assert.deepEqual(await shared(), []);
});

test('there is nothing to sweep before the first install', async (t) => {
  const { data } = await setUp(t);
  await sweepSharedFiles(data);
  assert.deepEqual(await readdir(data), []);
});
