import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isResourceFile, resolveResources, resourcePaths } from '../../../src/registry/resources.js';
import { manifestOf } from './support.js';

const { manifest } = manifestOf({ name: 'digits', resources: { model: './model.onnx', voices: { source: 'voices/' } } });

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

  test('over https are refused for now', () => {
    const remote = manifestOf({ name: 'digits', resources: { model: { source: 'https://example.org/m.onnx' } } });
    assert.throws(() => resolveResources(remote.manifest, '/x'), {
      code: 'FAILED_PRECONDITION',
      message: /resources over https are not supported yet by this daemon/,
    });
  });
});
