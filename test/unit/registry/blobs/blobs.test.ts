import assert from 'node:assert/strict';
import { chmod, open, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { Blobs } from '../../../../src/registry/blobs/blobs.js';
import { temporaryDirectory } from '../../../support/cleanup.js';
import { sha256 } from '../../../support/registry.js';

const bytes = Buffer.from('the bytes of a blob');
const digest = sha256(bytes);

async function openBlobs(context: TestContext): Promise<{ blobs: Blobs; folder: string }> {
  const data = await temporaryDirectory(context);
  const folder = join(data, 'blobs/sha256');
  const blobs = new Blobs(folder, '/data');
  await blobs.open();
  return { blobs, folder };
}

/** Makes every write to a file fail, as on a full disk. */
async function fillDisk(context: TestContext, folder: string, code: string): Promise<void> {
  const file = await open(join(folder, 'any'), 'w');
  const prototype: { writeFile: typeof file.writeFile } = Object.getPrototypeOf(file);
  await file.close();
  context.mock.method(prototype, 'writeFile', () => Promise.reject(Object.assign(new Error(`${code}: no space`), { code })));
}

describe('Blobs', () => {
  test('keeps what was written in pieces, read-only, under its digest', async (context) => {
    const { blobs, folder } = await openBlobs(context);
    assert.equal(await blobs.has(digest), false);
    const writer = await blobs.writer(digest, bytes.length);
    await writer.write(bytes.subarray(0, 3));
    await writer.write(bytes.subarray(3));
    assert.equal(await blobs.has(digest), false);
    await writer.finish();
    assert.equal(await blobs.has(digest), true);
    assert.deepEqual(await readFile(blobs.path(digest)), bytes);
    assert.equal((await stat(blobs.path(digest))).mode & 0o777, 0o444);
    assert.deepEqual(await readdir(folder), [digest]);
    assert.equal(await blobs.verify(digest), 'whole');
  });

  test('takes an empty blob', async (context) => {
    const { blobs } = await openBlobs(context);
    const writer = await blobs.writer(sha256(''), 0);
    await writer.finish();
    assert.equal(await blobs.verify(sha256('')), 'whole');
  });

  test('stops at the first byte over the declared size, and leaves nothing', async (context) => {
    const { blobs, folder } = await openBlobs(context);
    const writer = await blobs.writer(digest, bytes.length - 1);
    await assert.rejects(writer.write(bytes), {
      code: 'INVALID_ARGUMENT',
      message: `the blob ${digest} is longer than the ${bytes.length - 1} bytes that were declared`,
    });
    assert.deepEqual(await readdir(folder), []);
    await assert.rejects(writer.write(bytes), { code: 'INTERNAL' });
  });

  test('refuses too few bytes, and leaves nothing', async (context) => {
    const { blobs, folder } = await openBlobs(context);
    const writer = await blobs.writer(digest, bytes.length);
    await writer.write(bytes.subarray(1));
    await assert.rejects(writer.finish(), { code: 'INVALID_ARGUMENT', message: `the blob ${digest} ended after 18 of 19 bytes` });
    assert.deepEqual(await readdir(folder), []);
  });

  test('refuses bytes that the digest does not name, and leaves nothing', async (context) => {
    const { blobs, folder } = await openBlobs(context);
    const writer = await blobs.writer(digest, bytes.length);
    await writer.write(Buffer.from(bytes).fill(0));
    await assert.rejects(writer.finish(), {
      code: 'INVALID_ARGUMENT',
      message: /has the SHA-256 [0-9a-f]{64}: the file changed while it was sent/,
    });
    assert.deepEqual(await readdir(folder), []);
  });

  test('leaves nothing of a blob that is given up, however often', async (context) => {
    const { blobs, folder } = await openBlobs(context);
    const writer = await blobs.writer(digest, bytes.length);
    await writer.write(bytes);
    await writer.abort();
    await writer.abort();
    assert.deepEqual(await readdir(folder), []);
  });

  test('lets two writers send the same blob; the first stays', async (context) => {
    const { blobs, folder } = await openBlobs(context);
    const [one, two] = [await blobs.writer(digest, bytes.length), await blobs.writer(digest, bytes.length)];
    await one.write(bytes);
    await two.write(bytes);
    await one.finish();
    const { ino } = await stat(blobs.path(digest));
    await two.finish();
    assert.equal((await stat(blobs.path(digest))).ino, ino);
    assert.deepEqual(await readdir(folder), [digest]);
  });

  for (const [code, message] of [
    ['ENOSPC', 'the disk of /data is full: free some space and try again'],
    ['EDQUOT', 'the disk quota for /data is used up: free some space and try again'],
  ] as const) {
    test(`says of ${code} what is the matter, and leaves nothing`, async (context) => {
      const { blobs, folder } = await openBlobs(context);
      await fillDisk(context, join(folder, '../..'), code);
      const writer = await blobs.writer(digest, bytes.length);
      await assert.rejects(writer.write(bytes), { code: 'RESOURCE_EXHAUSTED', message });
      assert.deepEqual(await readdir(folder), []);
    });
  }

  test('finds damage', async (context) => {
    const { blobs } = await openBlobs(context);
    assert.equal(await blobs.verify(digest), 'missing');
    await writeFile(blobs.path(digest), bytes);
    await chmod(blobs.path(digest), 0o644);
    await writeFile(blobs.path(digest), 'not the bytes of a blob');
    assert.equal(await blobs.verify(digest), 'damaged');
    await blobs.remove(digest);
    assert.equal(await blobs.has(digest), false);
  });

  test('sweeps what is not used, and touches no writer', async (context) => {
    const { blobs } = await openBlobs(context);
    for (const text of ['a', 'b', 'c']) {
      const writer = await blobs.writer(sha256(text), 1);
      await writer.write(Buffer.from(text));
      await writer.finish();
    }
    const writer = await blobs.writer(digest, bytes.length);
    assert.equal(await blobs.sweep(new Set([sha256('b')])), 2);
    await writer.write(bytes);
    await writer.finish();
    assert.deepEqual([await blobs.has(sha256('a')), await blobs.has(sha256('b')), await blobs.has(digest)], [false, true, true]);
  });

  test('removes at start what was being written', async (context) => {
    const { blobs, folder } = await openBlobs(context);
    await writeFile(join(folder, `${digest}.1.tmp`), 'half');
    await blobs.open();
    assert.deepEqual(await readdir(folder), []);
  });
});
