import assert from 'node:assert/strict';
import { cpSync, promises } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { Registry } from '../../../src/registry/registry.js';
import { temporaryDirectory } from '../../support/cleanup.js';
import { assertLaidOut, assertNoLeftovers, deploy, functionName, packageOf, prepare } from '../../support/registry.js';

const digits = functionName('digits');

function version(number: number) {
  const files = { 'version.txt': String(number), 'model.onnx': `weights ${number}`, 'lib/same.txt': 'same' };
  return packageOf({ name: 'digits', resources: { model: 'model.onnx' } }, files);
}

/** What changes something on disk. */
const functionNames = ['open', 'mkdir', 'rename', 'link', 'copyFile', 'chmod', 'rm', 'writeFile'] as const;
const methodNames = ['writeFile', 'sync', 'chmod'] as const;

/**
 * Runs `task`, and before each change that it makes to the disk copies the data directory: what a crash at that point would
 * leave. Returns the copies, the last one made when all is done.
 */
async function crashImages(context: TestContext, data: string, task: () => Promise<unknown>): Promise<string[]> {
  const folder = await temporaryDirectory(context);
  const images: string[] = [];
  const take = () => {
    const image = join(folder, String(images.length));
    cpSync(data, image, { recursive: true, verbatimSymlinks: true });
    images.push(image);
  };
  const probe = await open(join(folder, 'probe'), 'w');
  const prototype: object = Object.getPrototypeOf(probe);
  await probe.close();
  const restore = [
    ...functionNames.map((name) => intercept(promises, name, take)),
    ...methodNames.map((name) => intercept(prototype, name, take)),
  ];
  syncBuiltinESMExports();
  try {
    await task();
  } finally {
    for (const undo of restore) undo();
    syncBuiltinESMExports();
  }
  take();
  return images;
}

function intercept(owner: object, name: string, before: () => void): () => void {
  const original: unknown = Reflect.get(owner, name);
  assert.ok(typeof original === 'function');
  Reflect.set(owner, name, function (this: unknown, ...given: unknown[]): unknown {
    before();
    return Reflect.apply(original, this, given);
  });
  return () => Reflect.set(owner, name, original);
}

/** Opens an image as a daemon would at its start, and returns which version it has: 0 for none. */
async function versionIn(image: string): Promise<number> {
  const registry = await Registry.open(image);
  try {
    assert.deepEqual(registry.damaged, []);
    await assertNoLeftovers(image);
    const active = registry.get(digits)?.active;
    if (active === undefined) {
      assert.deepEqual(await readdir(join(image, 'functions')), []);
      return 0;
    }
    const number = [1, 2].find((candidate) =>
      version(candidate).files.every((file) => active.files.some((other) => other.sha256 === file.sha256)),
    );
    assert.ok(number);
    await assertLaidOut(active.directory, version(number));
    // Nothing in the way of the next deploy.
    const next = await deploy(registry, version(2));
    await assertLaidOut(next.active.directory, version(2));
    await registry.retain(digits, 1);
    assert.deepEqual((await readdir(join(image, 'functions/digits'))).sort(), [next.active.id, 'function.json'].sort());
    assert.equal((await readdir(join(image, 'blobs/sha256'))).length, version(2).contents.size);
    return number;
  } finally {
    await registry.close();
  }
}

/** The versions after a crash at each point, without repeats in a row. */
async function course(images: readonly string[]): Promise<number[]> {
  const versions: number[] = [];
  for (const image of images) versions.push(await versionIn(image));
  assert.ok(images.length > 5, `only ${images.length} points were tried`);
  return versions.filter((number, index) => number !== versions[index - 1]);
}

describe('a crash at any point', () => {
  test('of a first deploy leaves nothing or all of it', async (context) => {
    const data = await temporaryDirectory(context);
    const registry = await Registry.open(data);
    context.after(() => registry.close());
    const images = await crashImages(context, data, () => deploy(registry, version(1)));
    assert.deepEqual(await course(images), [0, 1]);
  });

  test('of a deploy leaves the old revision or the new one', async (context) => {
    const data = await temporaryDirectory(context);
    const registry = await Registry.open(data);
    context.after(() => registry.close());
    await deploy(registry, version(1));
    const images = await crashImages(context, data, async () => {
      await deploy(registry, version(2));
      await registry.retain(digits, 1);
    });
    assert.deepEqual(await course(images), [1, 2]);
  });

  test('of a deploy that is given up leaves the old revision', async (context) => {
    const data = await temporaryDirectory(context);
    const registry = await Registry.open(data);
    context.after(() => registry.close());
    await deploy(registry, version(1));
    const images = await crashImages(context, data, async () => registry.discard(await prepare(registry, version(2))));
    assert.deepEqual(await course(images), [1]);
  });

  test('of a delete leaves all of it or nothing', async (context) => {
    const data = await temporaryDirectory(context);
    const registry = await Registry.open(data);
    context.after(() => registry.close());
    await deploy(registry, version(1));
    const images = await crashImages(context, data, () => registry.delete(digits));
    assert.deepEqual(await course(images), [1, 0]);
  });

  test('of a start loses nothing', async (context) => {
    const data = await temporaryDirectory(context);
    const before = await Registry.open(data);
    const { active } = await deploy(before, version(1));
    await before.close();
    await promises.rm(active.directory, { recursive: true });
    const images = await crashImages(context, data, async () => (await Registry.open(data)).close());
    assert.deepEqual(await course(images), [1]);
  });
});
