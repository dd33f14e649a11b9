import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type Digest, isRevisionId } from '../../../src/core/names.js';
import { defer } from '../../../src/core/promises.js';
import type { RevisionFile } from '../../../src/registry/model/revision.js';
import { Registry } from '../../../src/registry/registry.js';
import { temporaryDirectory } from '../../support/cleanup.js';
import { assertLaidOut, assertNoLeftovers, deploy, functionName, packageOf, prepare, sha256, upload } from '../../support/registry.js';

const digits = functionName('digits');
const unknownId = '0123456789abcdef';
const weights = 'w'.repeat(100_000);
const sample = packageOf({ name: 'digits', resources: { model: './model.onnx' } }, { 'model.onnx': weights, 'lib/tool.mjs': 'export {}' });

function version(number: number) {
  return packageOf({ name: 'digits' }, { 'version.txt': String(number) });
}

function historyIn(registry: Registry): string[] | undefined {
  return registry.get(digits)?.history.map(({ revision }) => revision);
}

describe('Registry', () => {
  test('deploys a package and has it after a restart', async (context) => {
    const data = await temporaryDirectory(context);
    const first = await Registry.open(data);
    assert.deepEqual(first.list(), []);
    const record = await deploy(first, sample);
    assert.equal(first.get(digits), record);
    await assertLaidOut(record.active.directory, sample);
    await first.close();

    const second = await Registry.open(data);
    context.after(() => second.close());
    assert.deepEqual(second.list(), [record]);
    assert.deepEqual(second.damaged, []);
    await assertNoLeftovers(data);
  });

  test('names a revision by what it is made of', async (context) => {
    const registry = await Registry.open(await temporaryDirectory(context));
    context.after(() => registry.close());
    const { revision } = await registry.createRevision(sample);
    const reordered = {
      ...sample,
      manifest: { ...sample.manifest, given: Object.fromEntries(Object.entries(sample.manifest.given).reverse()) },
    };
    const again = await registry.createRevision({ ...reordered, files: [...sample.files].reverse() });
    assert.equal(again.revision.id, revision.id);
    const executable = sample.files.map((file) => ({ ...file, mode: 0o755 }));
    assert.notEqual((await registry.createRevision({ ...sample, files: executable })).revision.id, revision.id);
    const renamed = packageOf({ name: 'digits', description: 'other' });
    assert.notEqual(
      (await registry.createRevision(renamed)).revision.id,
      (await registry.createRevision(packageOf({ name: 'digits' }))).revision.id,
    );
  });

  test('asks only for the blobs that it does not have, each once', async (context) => {
    const registry = await Registry.open(await temporaryDirectory(context));
    context.after(() => registry.close());
    const twice = packageOf({ name: 'digits' }, { 'a.txt': 'same', 'b.txt': 'same' });
    const { missing, revision } = await registry.createRevision(twice);
    assert.deepEqual(missing.map((file) => file.sha256).sort(), [...twice.contents.keys()].sort());
    await upload(registry, missing, twice);
    await registry.materialize(revision);
    const more = packageOf({ name: 'digits' }, { 'a.txt': 'same', 'c.txt': 'new' });
    const second = await registry.createRevision(more);
    assert.deepEqual(
      second.missing.map((file) => file.path),
      ['c.txt'],
    );
  });

  test('shares the space of a resource with the blob, and gives code a copy of its own', async (context) => {
    const registry = await Registry.open(await temporaryDirectory(context));
    context.after(() => registry.close());
    const { active } = await deploy(registry, sample);
    const blob = await stat(registry.blobs.path(sha256(weights)));
    const resource = await stat(join(active.directory, 'model.onnx'));
    assert.equal(resource.ino, blob.ino);
    assert.equal(resource.mode & 0o777, 0o444);
    const code = await stat(join(active.directory, 'handler.mjs'));
    assert.equal(code.nlink, 1);
    assert.equal(code.mode & 0o777, 0o644);
  });

  test('keeps the executable bit', async (context) => {
    const registry = await Registry.open(await temporaryDirectory(context));
    context.after(() => registry.close());
    const executable = ['lib/tool.mjs', 'model.onnx'];
    const files = sample.files.map((file) => (executable.includes(file.path) ? { ...file, mode: 0o755 } : file));
    const { active } = await deploy(registry, { ...sample, files });
    assert.equal((await stat(join(active.directory, 'lib/tool.mjs'))).mode & 0o777, 0o755);
    const resource = await stat(join(active.directory, 'model.onnx'));
    assert.equal(resource.mode & 0o777, 0o555, 'and nobody can write a resource');
    assert.equal(resource.ino, (await stat(registry.blobs.path(sha256(weights)))).ino);
  });

  test('keeps folders that have nothing in them, without a blob, and after a restart', async (context) => {
    const directory = await temporaryDirectory(context);
    const registry = await Registry.open(directory);
    const empty = { path: 'deep/empty', mode: 0o40755, size: 0, sha256: sha256('') };
    const { revision, missing } = await registry.createRevision({ ...sample, files: [...sample.files, empty] });
    assert.ok(!missing.some((file) => file.sha256 === empty.sha256));
    await upload(registry, missing, sample);
    await registry.materialize(revision);
    assert.deepEqual(await readdir(join(revision.directory, 'deep/empty')), []);
    await registry.activate(revision.name, revision.id);
    await registry.close();
    const again = await Registry.open(directory);
    context.after(() => again.close());
    assert.equal(again.get(revision.name)?.active.id, revision.id);
    assert.ok(again.get(revision.name)?.active.files.some((file) => file.path === empty.path && file.mode === empty.mode));
  });

  test('links every file of a resource that is a folder', async (context) => {
    const registry = await Registry.open(await temporaryDirectory(context));
    context.after(() => registry.close());
    const folder = packageOf(
      { name: 'digits', resources: { voices: './voices/' } },
      { 'voices/a.bin': 'a', 'voices/deep/b.bin': 'b', 'voices.txt': 'c' },
    );
    const { active } = await deploy(registry, folder);
    const links = async (path: string) => (await stat(join(active.directory, path))).nlink;
    assert.deepEqual([await links('voices/a.bin'), await links('voices/deep/b.bin'), await links('voices.txt')], [2, 2, 1]);
  });

  test('never lays out a damaged blob, and asks for it again', async (context) => {
    const registry = await Registry.open(await temporaryDirectory(context));
    context.after(() => registry.close());
    const { revision, missing } = await registry.createRevision(sample);
    await upload(registry, missing, sample);
    const path = registry.blobs.path(sha256(weights));
    await rm(path);
    await writeFile(path, weights.replace('w', 'x'));
    await assert.rejects(registry.materialize(revision), {
      code: 'DATA_LOSS',
      message: `the blob ${sha256(weights)} (model.onnx) is damaged: deploy the function again`,
    });
    assert.deepEqual(await readdir(join(registry.dataDirectory, 'functions/digits')).catch(() => []), []);
    const again = await registry.createRevision(sample);
    assert.deepEqual(
      again.missing.map((file) => file.path),
      ['model.onnx'],
    );
    await upload(registry, again.missing, sample);
    await registry.materialize(again.revision);
    await assertLaidOut(again.revision.directory, sample);
  });

  test('does not materialise twice at once, nor anew what is there', async (context) => {
    const registry = await Registry.open(await temporaryDirectory(context));
    context.after(() => registry.close());
    const { revision, missing } = await registry.createRevision(sample);
    await upload(registry, missing, sample);
    await Promise.all([registry.materialize(revision), registry.materialize(revision)]);
    const before = new Date(1e12);
    await utimes(revision.directory, before, before);
    await registry.materialize(revision);
    assert.deepEqual((await stat(revision.directory)).mtime, before);
  });

  test('activates only what is created and laid out', async (context) => {
    const registry = await Registry.open(await temporaryDirectory(context));
    context.after(() => registry.close());
    assert.ok(isRevisionId(unknownId));
    await assert.rejects(registry.activate(digits, unknownId), { code: 'NOT_FOUND' });
    const { revision } = await registry.createRevision(sample);
    await assert.rejects(registry.activate(digits, revision.id), { code: 'FAILED_PRECONDITION' });
    assert.equal(registry.get(digits), undefined);
  });

  test('goes back to a revision that it kept, without a byte sent', async (context) => {
    const registry = await Registry.open(await temporaryDirectory(context));
    context.after(() => registry.close());
    const first = await deploy(registry, version(1));
    const second = await deploy(registry, version(2));
    const { revision, missing } = await registry.createRevision(version(1));
    assert.equal(revision, first.active);
    assert.deepEqual(missing, []);
    const record = await registry.activate(digits, revision.id);
    assert.deepEqual(
      record.revisions.map(({ id }) => id),
      [second.active.id, first.active.id],
    );
  });

  test('discards a revision that was not activated, and nothing else', async (context) => {
    const registry = await Registry.open(await temporaryDirectory(context));
    context.after(() => registry.close());
    const { active } = await deploy(registry, version(1));
    const other = await prepare(registry, version(2));
    await registry.discard(other);
    await registry.discard(active);
    assert.deepEqual((await readdir(join(registry.dataDirectory, 'functions/digits'))).sort(), [active.id, 'function.json'].sort());
    await assert.rejects(registry.materialize(other), { code: 'NOT_FOUND' });
  });

  test('keeps the last revisions and sweeps the blobs of the others', async (context) => {
    const registry = await Registry.open(await temporaryDirectory(context));
    context.after(() => registry.close());
    const ids: string[] = [];
    for (let number = 1; number <= 4; number++) ids.push((await deploy(registry, version(number))).active.id);
    const pending = await prepare(registry, version(5));
    assert.deepEqual(await registry.retain(digits, 2), ids.slice(0, 2));
    assert.deepEqual(
      registry.get(digits)?.revisions.map(({ id }) => id),
      ids.slice(2),
    );
    assert.deepEqual(
      (await readdir(join(registry.dataDirectory, 'functions/digits'))).sort(),
      [...ids.slice(2), pending.id, 'function.json'].sort(),
    );
    const blobs = await readdir(join(registry.dataDirectory, 'blobs/sha256'));
    assert.deepEqual(blobs.sort(), [sha256('export class Handler {}'), sha256('3'), sha256('4'), sha256('5')].sort());
  });

  test('never removes the active revision or one with an alias', async (context) => {
    const data = await temporaryDirectory(context);
    const first = await Registry.open(data);
    const ids: string[] = [];
    for (let number = 1; number <= 4; number++) ids.push((await deploy(first, version(number))).active.id);
    await first.close();
    const path = join(data, 'functions/digits/function.json');
    const state: unknown = JSON.parse(await readFile(path, 'utf8'));
    // As an earlier version wrote it, which had no history.
    const earlier = { active: ids[1], aliases: { prod: ids[0] }, history: undefined };
    await writeFile(path, JSON.stringify(Object.assign({}, state, earlier)));
    const registry = await Registry.open(data);
    context.after(() => registry.close());
    assert.deepEqual(historyIn(registry), [ids[0], ids[2], ids[3], ids[1]]);
    assert.deepEqual(await registry.retain(digits, 1), [ids[2]]);
    assert.deepEqual(await registry.retain(digits, 0), [ids[3]]);
    assert.equal(registry.get(digits)?.active.id, ids[1]);
    assert.deepEqual(registry.get(digits)?.aliases, { prod: ids[0] });
    assert.deepEqual(historyIn(registry), [ids[0], ids[1]], 'nothing is left there of what was removed');
  });

  test('deletes a function: gone at once, its files once nobody uses them', async (context) => {
    const registry = await Registry.open(await temporaryDirectory(context));
    context.after(() => registry.close());
    const { active } = await deploy(registry, sample);
    const other = await deploy(registry, packageOf({ name: 'other' }));
    await registry.delete(digits, async () => {
      assert.equal(registry.get(digits), undefined);
      await assertLaidOut(active.directory, sample);
      // Another function is not held up meanwhile.
      await registry.activate(other.name, other.active.id);
    });
    assert.deepEqual(await readdir(join(registry.dataDirectory, 'functions')), ['other']);
    assert.deepEqual(await readdir(join(registry.dataDirectory, 'blobs/sha256')), [sha256('export class Handler {}')]);
    await assert.rejects(registry.delete(digits), { code: 'NOT_FOUND', message: 'there is no function digits' });
  });

  test('lays out at start what is missing', async (context) => {
    const data = await temporaryDirectory(context);
    const first = await Registry.open(data);
    const { active } = await deploy(first, sample);
    await first.close();
    await rm(active.directory, { recursive: true });
    const registry = await Registry.open(data);
    context.after(() => registry.close());
    await assertLaidOut(active.directory, sample);
  });

  test('drops a lost revision that nothing needs', async (context) => {
    const data = await temporaryDirectory(context);
    const first = await Registry.open(data);
    const old = await deploy(first, version(1));
    const { active } = await deploy(first, version(2));
    await first.close();
    await rm(old.active.directory, { recursive: true });
    await rm(first.blobs.path(sha256('1')));
    const registry = await Registry.open(data);
    context.after(() => registry.close());
    assert.deepEqual(registry.get(digits)?.revisions, [active]);
  });

  test('reports a function whose active revision is lost, serves the others, and takes it again', async (context) => {
    const data = await temporaryDirectory(context);
    const first = await Registry.open(data);
    const { active } = await deploy(first, sample);
    const other = await deploy(first, packageOf({ name: 'other' }));
    await first.close();
    await rm(active.directory, { recursive: true });
    await rm(first.blobs.path(sha256(weights)));
    const registry = await Registry.open(data);
    context.after(() => registry.close());
    assert.deepEqual(registry.list(), [other]);
    assert.deepEqual(registry.damaged, [
      { name: 'digits', problem: `the blob ${sha256(weights)} (model.onnx) is missing: deploy the function again` },
    ]);
    await deploy(registry, sample);
    assert.deepEqual(registry.damaged, []);
    await assertLaidOut(active.directory, sample);
  });

  test('leaves a function with a damaged function.json alone, and all that it may need', async (context) => {
    const data = await temporaryDirectory(context);
    const first = await Registry.open(data);
    await deploy(first, sample);
    await deploy(first, packageOf({ name: 'other' }));
    await first.close();
    const path = join(data, 'functions/digits/function.json');
    await writeFile(path, '{"version": 1, "na');
    const registry = await Registry.open(data);
    context.after(() => registry.close());
    const [damaged] = registry.damaged;
    assert.equal(damaged?.name, 'digits');
    assert.match(
      damaged?.problem ?? '',
      /^\/.*\/functions\/digits\/function\.json is damaged: .*JSON.*; deploy the function again, or delete it$/,
    );
    assert.equal(await readFile(path, 'utf8'), '{"version": 1, "na');
    await registry.delete(functionName('other'));
    assert.equal(await registry.blobs.verify(sha256(weights)), 'whole');
    const { active } = await deploy(registry, version(1));
    assert.equal(await readFile(`${path}.damaged`, 'utf8'), '{"version": 1, "na');
    assert.deepEqual(registry.list(), [registry.get(digits)]);
    assert.equal(registry.get(digits)?.active, active);
  });

  test('deletes a damaged function', async (context) => {
    const data = await temporaryDirectory(context);
    await mkdir(join(data, 'functions/digits'), { recursive: true });
    await writeFile(join(data, 'functions/digits/function.json'), '[]');
    const registry = await Registry.open(data);
    context.after(() => registry.close());
    await registry.delete(digits);
    assert.deepEqual(registry.damaged, []);
    assert.deepEqual(await readdir(join(data, 'functions')), []);
  });

  test('leaves folders alone that are no functions', async (context) => {
    const data = await temporaryDirectory(context);
    await mkdir(join(data, 'functions/Not a function'), { recursive: true });
    await writeFile(join(data, 'functions/file'), '');
    const registry = await Registry.open(data);
    context.after(() => registry.close());
    assert.deepEqual(registry.damaged, []);
    assert.deepEqual((await readdir(join(data, 'functions'))).sort(), ['Not a function', 'file']);
  });

  test('a delete takes no blob away that a deploy has found', async (context) => {
    const registry = await Registry.open(await temporaryDirectory(context));
    context.after(() => registry.close());
    const [old, next] = ['old', 'next'].map((name) => packageOf({ name }, { 'shared.txt': 'shared' }));
    assert.ok(old !== undefined && next !== undefined);
    const { name } = await deploy(registry, old);
    const found = defer<{ missing: readonly RevisionFile[] }>();
    const other = await Registry.open(await temporaryDirectory(context));
    context.after(() => other.close());
    const sweep = registry.blobs.sweep.bind(registry.blobs);
    context.mock.method(registry.blobs, 'sweep', async (needed: ReadonlySet<Digest>) => {
      // A deploy that does not wait for the delete would be through with this when others, begun later, are.
      found.resolve(registry.createRevision(next));
      for (let count = 0; count < 3; count++) await other.createRevision(next);
      await sweep(needed);
    });
    await registry.delete(name);
    const { missing } = await found.promise;
    assert.deepEqual(missing.map((file) => file.path).sort(), ['handler.mjs', 'shared.txt']);
  });

  test('takes changes from many at once', async (context) => {
    const registry = await Registry.open(await temporaryDirectory(context));
    context.after(() => registry.close());
    const samples = Array.from({ length: 12 }, (_, index) =>
      packageOf({ name: `f${index}` }, { 'shared.txt': 'shared', 'own.txt': String(index) }),
    );
    await Promise.all(
      samples.map(async (one, index) => {
        const record = await deploy(registry, one);
        if (index % 3 === 0) await registry.delete(record.name);
        else await registry.retain(record.name, 1);
      }),
    );
    assert.equal(registry.list().length, 8);
    for (const record of registry.list()) {
      const own = samples.find((one) => one.manifest.name === record.name);
      assert.ok(own);
      await assertLaidOut(record.active.directory, own);
    }
    assert.equal((await readdir(join(registry.dataDirectory, 'blobs/sha256'))).length, 10);
  });
});
