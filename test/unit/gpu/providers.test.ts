import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chooseProviders, type ProviderProbe } from '../../../src/gpu/providers.js';

const probes: readonly ProviderProbe[] = [
  { name: 'tensorrt', usable: false, detail: 'no library' },
  { name: 'cuda', usable: false, detail: 'no driver' },
  { name: 'webgpu', usable: true, detail: 'ok' },
  { name: 'cpu', usable: true, detail: 'ok' },
];

describe('chooseProviders', () => {
  test('keeps the order of the function, not of the host', () => {
    assert.deepEqual(chooseProviders(['cpu', 'cuda', 'webgpu', 'cpu'], probes), { chosen: ['cpu', 'webgpu'] });
  });

  test('never gives one that the function does not name', () => {
    assert.throws(() => chooseProviders(['cuda'], probes), {
      code: 'FAILED_PRECONDITION',
      message: "none of the function's providers works on this host: cuda: no driver",
    });
  });

  test('gives the reason of each, also of one that was not tried', () => {
    assert.throws(() => chooseProviders(['tensorrt', 'cpu'], probes.slice(0, 1)), {
      code: 'FAILED_PRECONDITION',
      message: "none of the function's providers works on this host: tensorrt: no library; cpu: was not tried",
    });
  });
});
