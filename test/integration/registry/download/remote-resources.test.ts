import assert from 'node:assert/strict';
import { chmod, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { remoteFolder } from '../../../../src/registry/model/resources.js';
import { Registry } from '../../../../src/registry/registry.js';
import { temporaryDirectory } from '../../../support/cleanup.js';
import { assertNoLeftovers, deploy, packageOf, type SamplePackage, sha256, upload } from '../../../support/registry.js';

const weights = Buffer.from('the weights');
const digest = sha256(weights);

function sampleOf(name = 'digits', note = ''): SamplePackage {
  return packageOf({ name, description: note, resources: { model: { source: 'https://example.org/m.onnx', sha256: digest } } });
}

async function bring(registry: Registry, bytes = weights): Promise<void> {
  const writer = await registry.blobs.writer(sha256(bytes), bytes.length);
  await writer.write(bytes);
  await writer.finish();
}

async function damage(registry: Registry): Promise<void> {
  await chmod(registry.blobs.path(digest), 0o600);
  await writeFile(registry.blobs.path(digest), 'other bytes');
}

async function opened(t: TestContext): Promise<Registry> {
  return await openAt(t, await temporaryDirectory(t));
}

async function openAt(t: TestContext, folder: string): Promise<Registry> {
  const registry = await Registry.open(folder);
  t.after(() => registry.close());
  return registry;
}

test('a downloaded resource is laid out with the package, as a link to its blob that nobody can write', async (t) => {
  const registry = await opened(t);
  const sample = sampleOf();
  const { revision, missing } = await registry.createRevision(sample);
  assert.deepEqual(
    missing.map((file) => file.path),
    ['handler.mjs'],
    'the client is not asked for it',
  );
  await upload(registry, missing, sample);
  assert.deepEqual(
    (await registry.missingResources(revision)).map((resource) => resource.name),
    ['model'],
  );
  await assert.rejects(registry.materialize(revision), { code: 'DATA_LOSS', message: new RegExp(`the blob ${digest} .* is missing`) });
  await bring(registry);
  assert.deepEqual(await registry.missingResources(revision), []);
  await registry.materialize(revision);
  const laidOut = join(revision.directory, remoteFolder, 'model', 'm.onnx');
  const [file, blob] = await Promise.all([stat(laidOut), stat(registry.blobs.path(digest))]);
  assert.deepEqual([file.ino, file.mode & 0o777], [blob.ino, 0o444]);
  await rm(registry.blobs.path(digest), { force: true });
  assert.deepEqual(await registry.missingResources(revision), [], 'what is laid out needs nothing more');
});

test('a damaged blob is not laid out, and is missing from then on', async (t) => {
  const registry = await opened(t);
  const sample = sampleOf();
  const { revision, missing } = await registry.createRevision(sample);
  await upload(registry, missing, sample);
  await bring(registry);
  await damage(registry);
  await assert.rejects(registry.materialize(revision), { code: 'DATA_LOSS', message: /is damaged/ });
  assert.equal((await registry.missingResources(revision)).length, 1);
  await bring(registry);
  await registry.materialize(revision);
  assert.equal(await readFile(join(revision.directory, remoteFolder, 'model', 'm.onnx'), 'utf8'), 'the weights');
});

test('the blob stays for as long as a revision needs it, one that is being deployed too', async (t) => {
  const registry = await opened(t);
  await bring(registry);
  await deploy(registry, sampleOf());
  await deploy(registry, packageOf({ name: 'other' }));
  await registry.retain((await deploy(registry, packageOf({ name: 'other', description: 'new' }))).name, 1);
  assert.ok(await registry.blobs.has(digest));
  const { revision } = await registry.createRevision(sampleOf('second'));
  await registry.delete(registry.list()[0]?.name ?? revision.name);
  assert.ok(await registry.blobs.has(digest));
  await registry.discard(revision);
  await registry.delete(registry.list()[0]?.name ?? revision.name);
  assert.ok(!(await registry.blobs.has(digest)));
});

for (const state of ['missing', 'damaged'] as const) {
  test(`at a start a revision whose folder is gone waits for its download when the blob is ${state}`, async (t) => {
    const first = await Registry.open(await temporaryDirectory(t));
    await bring(first);
    const { active } = await deploy(first, sampleOf());
    await rm(active.directory, { recursive: true });
    if (state === 'missing') await rm(first.blobs.path(digest), { force: true });
    else await damage(first);
    await first.close();
    const second = await openAt(t, first.dataDirectory);
    assert.deepEqual(second.damaged, []);
    const revision = second.get(active.name)?.active ?? active;
    assert.deepEqual(
      (await second.missingResources(revision)).map((resource) => resource.digest),
      [digest],
    );
    await bring(second);
    await second.materialize(revision);
    assert.equal(await readFile(join(revision.directory, remoteFolder, 'model', 'm.onnx'), 'utf8'), 'the weights');
    await assertNoLeftovers(second.dataDirectory);
  });
}

test('a package may have no file where downloads go, unless it has none', async (t) => {
  const registry = await opened(t);
  const files = { '.DCF/model/m.onnx': 'mine' };
  const taken = packageOf({ name: 'digits', resources: { model: { source: 'https://example.org/m.onnx', sha256: digest } } }, files);
  await assert.rejects(registry.createRevision(taken), {
    code: 'INVALID_ARGUMENT',
    message: 'the file ".DCF/model/m.onnx" is in the folder for downloaded resources: rename the folder .dcf of the package',
  });
  await deploy(registry, packageOf({ name: 'digits' }, files));
});
