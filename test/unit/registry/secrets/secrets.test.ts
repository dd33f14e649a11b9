import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Secrets } from '../../../../src/registry/secrets/secrets.js';
import { temporaryDirectory } from '../../../support/cleanup.js';
import { functionName } from '../../../support/registry.js';

const hello = functionName('hello');
const other = functionName('other');
const value = Buffer.from('the value itself');

test('a secret is kept in a file of its own, which only its owner can read, and comes back', async (t) => {
  const data = await temporaryDirectory(t);
  const secrets = await Secrets.open(data);
  const bytes = Buffer.from([0, 255, 10, 128]);
  await secrets.set('API_KEY', value, undefined);
  await secrets.set('CERTIFICATE', bytes, hello);
  assert.equal((await stat(join(data, 'secrets'))).mode & 0o777, 0o700);
  assert.equal((await stat(join(data, 'secrets', 'API_KEY'))).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(join(data, 'secrets')), ['API_KEY', 'CERTIFICATE']);
  const again = await Secrets.open(data);
  assert.deepEqual(again.list(), secrets.list());
  assert.deepEqual(again.use('API_KEY', other).value, value);
  assert.deepEqual(again.use('CERTIFICATE', hello).value, bytes);
});

test('a secret that is not there, or is for another function, says so and what to do', async (t) => {
  const secrets = await Secrets.open(await temporaryDirectory(t));
  await secrets.set('API_KEY', value, hello);
  assert.throws(() => secrets.use('TOKEN', hello), {
    code: 'FAILED_PRECONDITION',
    message: 'there is no secret TOKEN, which hello needs: set it with dcf secret set TOKEN',
  });
  assert.throws(() => secrets.use('API_KEY', other), {
    code: 'FAILED_PRECONDITION',
    message: /^the secret API_KEY is only for the function hello, and not for other: .*dcf secret set OTHER --function other$/,
  });
  assert.throws(() => secrets.use('__proto__', hello), { code: 'FAILED_PRECONDITION' });
});

test('a secret of one function is not made one of all by setting it anew', async (t) => {
  const secrets = await Secrets.open(await temporaryDirectory(t));
  await secrets.set('API_KEY', value, hello);
  for (const onlyFor of [undefined, other]) {
    await assert.rejects(secrets.set('API_KEY', Buffer.from('another'), onlyFor), {
      code: 'FAILED_PRECONDITION',
      message: /is only for the function hello: set it with --function hello, or delete it first$/,
    });
  }
  await secrets.set('API_KEY', Buffer.from('another'), hello);
  assert.equal(secrets.use('API_KEY', hello).value.toString(), 'another');
});

test('names and values that none can have are refused, and nothing shows the value', async (t) => {
  const data = await temporaryDirectory(t);
  const secrets = await Secrets.open(data);
  for (const name of ['', '../x', 'a b', '1A', 'A-B', 'A.tmp', `A${'x'.repeat(128)}`]) {
    await assert.rejects(secrets.set(name, value, undefined), { code: 'INVALID_ARGUMENT', message: /is not a valid name of a secret/ });
  }
  await assert.rejects(secrets.set('A', Buffer.alloc(0), undefined), { code: 'INVALID_ARGUMENT', message: 'the value of A is empty' });
  const large = Buffer.alloc(64 * 1024 + 1, 'v');
  await assert.rejects(secrets.set('A', large, undefined), {
    code: 'INVALID_ARGUMENT',
    message: 'the value of A has 64.0 KiB: a secret has 64 KiB at most',
  });
  await secrets.set('A', large.subarray(1), undefined);
  assert.deepEqual(await readdir(join(data, 'secrets')), ['A']);
});

test('what was deleted is gone, from the disk too', async (t) => {
  const data = await temporaryDirectory(t);
  const secrets = await Secrets.open(data);
  await secrets.set('API_KEY', value, undefined);
  await secrets.delete('API_KEY');
  assert.deepEqual([secrets.list(), await readdir(join(data, 'secrets'))], [[], []]);
  await assert.rejects(secrets.delete('API_KEY'), { code: 'NOT_FOUND', message: 'there is no secret "API_KEY"' });
});

test('what a crash left is removed, what is damaged is told and stays, and a folder that others could read is closed', async (t) => {
  const data = await temporaryDirectory(t);
  const folder = join(data, 'secrets');
  await mkdir(folder);
  await chmod(folder, 0o755);
  await writeFile(join(folder, 'HALF.tmp'), 'half');
  await writeFile(join(folder, 'BROKEN'), 'sensitive {');
  await writeFile(join(folder, 'FUTURE'), JSON.stringify({ version: 2, function: null, setAt: 1, value: '' }));
  await mkdir(join(folder, 'FOLDER'));
  const before = await Secrets.open(data);
  await before.set('FLIPPED', value, undefined);
  const path = join(folder, 'FLIPPED');
  const [encoded, damaged] = [value, Buffer.from('the value itsElf')].map((bytes) => bytes.toString('base64'));
  await writeFile(path, (await readFile(path, 'utf8')).replace(encoded ?? '', damaged ?? ''));
  const secrets = await Secrets.open(data);
  const found = ['BROKEN is damaged', 'FLIPPED is damaged', 'FOLDER cannot be read (EISDIR)', 'FUTURE is damaged'];
  assert.deepEqual(
    [...secrets.damaged].sort(),
    found.map((text) => join(folder, text)),
  );
  assert.deepEqual((await readdir(folder)).sort(), ['BROKEN', 'FLIPPED', 'FOLDER', 'FUTURE']);
  assert.equal(await readFile(join(folder, 'BROKEN'), 'utf8'), 'sensitive {');
  assert.equal((await stat(folder)).mode & 0o777, 0o700);
  await secrets.set('BROKEN', value, undefined);
  assert.deepEqual((await Secrets.open(data)).list().length, 1);
});
