import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PackageFile } from '@dcf/sdk/contract';
import type { ManifestInput } from '@dcf/sdk/manifest';
import { checkPackage } from '../../../../src/registry/model/check-package.js';
import { manifestOf, packageOf, sha256 } from '../../../support/registry.js';

const { files } = packageOf({ name: 'digits' });

function file(path: string, changes: Partial<PackageFile> = {}): PackageFile {
  return { path, mode: 0o644, size: 3, sha256: sha256(path), ...changes };
}

function check(more: readonly PackageFile[], given: Partial<ManifestInput> = {}, maxBytes = 1000) {
  const manifest = manifestOf({ name: 'digits', handler: 'handler.mjs', ...given });
  return checkPackage(manifest, [...files, ...more], maxBytes);
}

describe('checkPackage', () => {
  test('sorts the files and keeps two modes apart', () => {
    const checked = check([file('b', { mode: 0o100 }), file('a/c', { mode: 0o666 })]);
    assert.deepEqual(
      checked.map(({ path, mode }) => [path, mode]),
      [
        ['a/c', 0o644],
        ['b', 0o755],
        ['handler.mjs', 0o644],
      ],
    );
  });

  for (const path of ['/etc/passwd', '../x', 'a/../../x', 'a\\b', 'a\0b', '', 'a//b', './a', 'node_modules/x/index.js', 'C:/x']) {
    test(`refuses the path ${JSON.stringify(path)}`, () => {
      assert.throws(() => check([file(path)]), {
        code: 'INVALID_ARGUMENT',
        message: new RegExp(`^the file ${JSON.stringify(path).replace(/[\\.]/g, '\\$&')} `),
      });
    });
  }

  test('refuses files that some file system takes for the same', () => {
    for (const [one, other] of [
      ['Model.bin', 'model.bin'],
      ['caf\u00e9', 'cafe\u0301'],
      ['a', 'a/b'],
      ['same', 'same'],
    ] as const) {
      assert.throws(() => check([file(one), file(other)]), { code: 'INVALID_ARGUMENT', message: /cannot both exist on every file system/ });
    }
  });

  test('takes a folder with nothing in it, and nothing else as one', () => {
    const empty = { mode: 0o40700, size: 0, sha256: sha256('') };
    assert.deepEqual(check([file('logs', empty)]).find(({ path }) => path === 'logs')?.mode, 0o40755);
    assert.throws(() => check([file('logs', { ...empty, size: 3 })]), {
      code: 'INVALID_ARGUMENT',
      message: /is an empty folder, but has the size 3/,
    });
    assert.throws(() => check([file('logs', empty), file('logs/a')]), /cannot both exist/);
    assert.throws(() => check([file('other.mjs', empty)], { handler: 'other.mjs' }), /handler: "other\.mjs" is not among the files/);
  });

  test('refuses sizes and digests that are none', () => {
    for (const size of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60]) {
      assert.throws(() => check([file('a', { size })]), { code: 'INVALID_ARGUMENT', message: /^the file "a" has the size/ });
    }
    for (const digest of ['', 'abc', sha256('a').toUpperCase(), `${sha256('a')}/..`]) {
      assert.throws(() => check([file('a', { sha256: digest })]), { code: 'INVALID_ARGUMENT', message: /^the file "a" has no SHA-256/ });
    }
    assert.throws(() => check([file('a'), file('b', { sha256: sha256('a'), size: 4 })]), {
      code: 'INVALID_ARGUMENT',
      message: 'the files a and b have the same SHA-256, but not the same size',
    });
  });

  test('refuses too many bytes and too many files, naming limit and size', () => {
    assert.throws(() => check([file('a', { size: 2000 })]), {
      code: 'RESOURCE_EXHAUSTED',
      message: 'the package has 2.0 KiB: 1000 B are allowed',
    });
    const many = Array.from({ length: 20_000 }, (_, index) => file(`f${index}`, { size: 0 }));
    assert.throws(() => check(many), { code: 'RESOURCE_EXHAUSTED', message: 'the package has 20001 files: 20000 are allowed' });
    assert.equal(check(many.slice(1)).length, 20_000);
  });

  test('wants the handler among the files', () => {
    assert.throws(() => check([], { handler: 'other.mjs' }), {
      code: 'INVALID_ARGUMENT',
      message: 'handler: "other.mjs" is not among the files of the package',
    });
    assert.equal(check([], { handler: './handler.mjs' }).length, 1);
  });

  test('wants each resource among the files, with the digest that the manifest names', () => {
    const resources = { model: './model.onnx' };
    assert.throws(() => check([], { resources }), {
      code: 'INVALID_ARGUMENT',
      message: 'resources.model: "model.onnx" is not among the files of the package',
    });
    assert.equal(check([file('model.onnx')], { resources }).length, 2);
    assert.equal(check([file('voices/a')], { resources: { voices: 'voices/' } }).length, 2);
    const pinned = { model: { source: 'model.onnx', sha256: sha256('other'), unpack: false } };
    assert.throws(() => check([file('model.onnx')], { resources: pinned }), {
      code: 'INVALID_ARGUMENT',
      message: /but the manifest wants/,
    });
    assert.throws(() => check([file('model.onnx/a')], { resources: pinned }), { code: 'INVALID_ARGUMENT', message: /is a folder/ });
  });

  test('does not look for a resource that is downloaded', () => {
    const model = { source: 'https://example.org/model.onnx', sha256: 'a'.repeat(64) };
    assert.deepEqual(check([], { resources: { model } }), check([], {}));
  });

  test('refuses a resource that this daemon cannot get, and says so', () => {
    const packed = { model: { source: 'model.zip', unpack: true } };
    assert.throws(() => check([file('model.zip')], { resources: packed }), {
      code: 'FAILED_PRECONDITION',
      message: /^resources\.model: this daemon does not support unpack/,
    });
  });
});
