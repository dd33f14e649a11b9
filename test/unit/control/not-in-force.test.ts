import assert from 'node:assert/strict';
import test from 'node:test';
import { parseManifestJson } from '@dcf/sdk/manifest';
import { notInForce } from '../../../src/control/not-in-force.js';

function asked(manifest: object): ReturnType<typeof notInForce> {
  return notInForce(parseManifestJson(JSON.stringify({ name: 'f', ...manifest })));
}

test('a manifest that asks for nothing special gets no warning', () => {
  assert.deepEqual(asked({}), { refused: undefined, warnings: [] });
  assert.deepEqual(
    asked({
      replicas: { min: 0, max: 2, idleTimeout: '1m' },
      batch: { maxSize: 4 },
      limits: { payload: '1MiB', memory: '1GiB' },
      recycle: { maxCalls: 2 },
      update: 'recreate',
    }).warnings,
    [],
  );
});

for (const [manifest, warning] of [[{ limits: { gpu: 1 } }, /limits\.gpu/]] as const) {
  test(`${JSON.stringify(manifest)} is deployed with a warning`, () => {
    const { refused, warnings } = asked(manifest);
    assert.equal(refused, undefined);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', warning);
  });
}

test('python is refused', () => {
  assert.match(asked({ runtime: 'python' }).refused?.message ?? '', /python is not supported yet/);
});
