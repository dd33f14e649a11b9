import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { ManifestInput } from '@dcf/sdk/manifest';
import type { Revision } from '../../../../src/registry/model/revision.js';
import { revisionIdOf } from '../../../../src/registry/model/revision.js';
import { checkSecrets, RevisionSecrets } from '../../../../src/registry/secrets/revision-secrets.js';
import { removeStaleSecretFiles } from '../../../../src/registry/secrets/secret-files.js';
import { Secrets } from '../../../../src/registry/secrets/secrets.js';
import { temporaryDirectory } from '../../../support/cleanup.js';
import { functionName, manifestOf } from '../../../support/registry.js';

const both: ManifestInput['secrets'] = ['API_KEY', { name: 'CERTIFICATE', file: true }];

async function setUp(t: TestContext, wanted: ManifestInput['secrets'] = both) {
  const data = await temporaryDirectory(t);
  const secrets = await Secrets.open(data);
  const manifest = manifestOf({ name: 'hello', secrets: wanted });
  const id = revisionIdOf(manifest.given, []);
  const revision: Revision = { name: functionName('hello'), id, createdAt: 0, manifest, files: [], directory: join(data, 'hello') };
  await secrets.set('API_KEY', Buffer.from('first-value\n'), undefined);
  await secrets.set('CERTIFICATE', Buffer.from('certificate\n'), undefined);
  return { data, secrets, revision, given: new RevisionSecrets(secrets, revision, data) };
}

test('a secret is a variable without its last line break, or the path of a file with every byte, for its owner alone', async (t) => {
  const { given, data } = await setUp(t);
  assert.deepEqual(await readdir(data), ['secrets'], 'nothing is written before a replica starts');
  const { API_KEY, CERTIFICATE_FILE = '', ...others } = given.environment();
  assert.deepEqual([API_KEY, others], ['first-value', {}]);
  assert.equal(await readFile(CERTIFICATE_FILE, 'utf8'), 'certificate\n');
  assert.equal((await stat(CERTIFICATE_FILE)).mode & 0o777, 0o600);
  for (let folder = dirname(CERTIFICATE_FILE); folder !== data; folder = dirname(folder)) {
    assert.equal((await stat(folder)).mode & 0o777, 0o700, folder);
  }
});

test('one secret as a variable and as a file, in either order, and both anew when it changes', async (t) => {
  for (const wanted of [
    ['CERTIFICATE', { name: 'CERTIFICATE', file: true }],
    [{ name: 'CERTIFICATE', file: true }, 'CERTIFICATE'],
  ] as const) {
    const { given, secrets } = await setUp(t, [...wanted]);
    for (const value of ['certificate', 'renewed']) {
      await secrets.set('CERTIFICATE', Buffer.from(value), undefined);
      const { CERTIFICATE, CERTIFICATE_FILE = '' } = given.environment();
      assert.deepEqual([CERTIFICATE, await readFile(CERTIFICATE_FILE, 'utf8'), given.outdated], [value, value, false]);
    }
    await secrets.set('CERTIFICATE', Buffer.from('third'), undefined);
    assert.equal(given.outdated, true);
  }
});

test('a replica that starts later gets the value as it is then; both values stay hidden', async (t) => {
  const { given, secrets } = await setUp(t);
  const before = given.environment();
  assert.equal(given.outdated, false);
  await secrets.set('API_KEY', Buffer.from('second-value'), undefined);
  await secrets.set('CERTIFICATE', Buffer.from('renewed'), undefined);
  assert.equal(given.outdated, true);
  const after = given.environment();
  assert.equal(after['API_KEY'], 'second-value');
  assert.equal(after['CERTIFICATE_FILE'], before['CERTIFICATE_FILE']);
  assert.equal(await readFile(after['CERTIFICATE_FILE'] ?? '', 'utf8'), 'renewed');
  assert.equal(given.outdated, false);
  assert.equal(given.hide('first-value second-value certificate renewed'), '*** *** *** ***');
});

test('a secret that was deleted keeps a replica from starting, with the reason', async (t) => {
  const { given, secrets, revision } = await setUp(t);
  given.environment();
  await secrets.delete('API_KEY');
  assert.equal(given.outdated, true);
  for (const attempt of [() => given.environment(), () => checkSecrets(secrets, revision)]) {
    assert.throws(attempt, { code: 'FAILED_PRECONDITION', message: /there is no secret API_KEY, which hello needs/ });
  }
});

test('bytes that are no text cannot be a variable, and the message does not show them', async (t) => {
  const { secrets, revision } = await setUp(t, ['API_KEY']);
  for (const value of [Buffer.from('with\0nul'), Buffer.from([0x61, 0xff])]) {
    await secrets.set('API_KEY', value, undefined);
    assert.throws(() => checkSecrets(secrets, revision), {
      code: 'FAILED_PRECONDITION',
      message:
        'the secret API_KEY is not UTF-8 text, so it cannot be an environment variable: take it as a file, with secrets: [{ name: API_KEY, file: true }]',
    });
  }
});

test('two pools of one revision have files of their own, which go with each; what is stale goes at the start', async (t) => {
  const { given, secrets, revision, data } = await setUp(t);
  const other = new RevisionSecrets(secrets, revision, data);
  const [first = '', second = ''] = [given, other].map((pool) => pool.environment()['CERTIFICATE_FILE']);
  await given.close();
  await assert.rejects(stat(first), { code: 'ENOENT' });
  assert.equal(await readFile(second, 'utf8'), 'certificate\n');
  await other.close();
  await other.close();
  assert.deepEqual(await readdir(join(data, 'run', 'secrets')), []);
  new RevisionSecrets(secrets, revision, data).environment();
  await removeStaleSecretFiles(data);
  assert.deepEqual(await readdir(join(data, 'run')), []);
});
