import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  isResourceFile,
  localResourcePaths,
  remoteResources,
  resolveResources,
  resourcePaths,
} from '../../../../src/registry/model/resources.js';
import { manifestOf } from '../../../support/registry.js';

const manifest = manifestOf({ name: 'digits', resources: { model: './model.onnx', voices: { source: 'voices/' } } });

describe('resources', () => {
  test('are given to the Handler as absolute paths', () => {
    assert.deepEqual(resolveResources(manifest, '/data/functions/digits/0123'), {
      model: '/data/functions/digits/0123/model.onnx',
      voices: '/data/functions/digits/0123/voices',
    });
  });

  test('are files, or all that is in a folder', () => {
    const paths = resourcePaths(manifest);
    const found = ['model.onnx', 'voices/a', 'voices/b/c', 'voices', 'voices.txt', 'model.onnx.txt', 'sub/model.onnx'].filter((path) =>
      isResourceFile(path, paths),
    );
    assert.deepEqual(found, ['model.onnx', 'voices/a', 'voices/b/c', 'voices']);
  });

  test('over https lie in a folder of their own, under the name that the address gives them where that is a plain one', () => {
    const sha256 = 'a'.repeat(64);
    for (const [source, name] of [
      ['https://example.org/a/m.onnx?x=y#z', 'm.onnx'],
      ['https://example.org/', 'resource'],
      ['https://example.org/a/..', 'resource'],
      ['https://example.org/%2e%2e%2fx', 'resource'],
      ['https://example.org/.hidden', 'resource'],
    ] as const) {
      const remote = manifestOf({ name: 'digits', resources: { model: { source, sha256 }, here: './m.onnx' } });
      assert.deepEqual(resolveResources(remote, '/x'), { here: '/x/m.onnx', model: `/x/.dcf/model/${name}` });
      assert.deepEqual([...localResourcePaths(remote)], [['here', 'm.onnx']]);
      assert.deepEqual(remoteResources(remote), [{ name: 'model', url: source, digest: sha256, path: `.dcf/model/${name}` }]);
    }
  });

  test('that are to be unpacked are refused', () => {
    const packed = manifestOf({ name: 'digits', resources: { model: { source: './m.zip', unpack: true } } });
    assert.throws(() => resolveResources(packed, '/x'), {
      code: 'FAILED_PRECONDITION',
      message: /resources\.model: this daemon does not support unpack/,
    });
  });
});
