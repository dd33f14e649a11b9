import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { nodeInterpreter } from '../../../src/core/interpreter.js';
import { inheritedEnvironment } from '../../../src/process/replica-environment.js';
import { type SpawnOptions, spawnReplica } from '../../../src/process/spawn.js';
import { directStarter } from '../../../src/process/spawner/starter.js';

test('a host that takes less than the manifest allows: the largest variables are named, their values are not shown', async () => {
  const options: SpawnOptions = {
    threads: 0,
    interpreter: nodeInterpreter,
    directory: tmpdir(),
    environment: { SMALL: 'secret-of-small', LARGE: 'secret-of-large'.repeat(10_000), EMPTY: '', TINY: 't' },
    devices: undefined,
    confinement: { isolation: { kind: 'process' }, memoryLimit: undefined, cgroup: undefined },
    starter: directStarter,
  };
  await assert.rejects(spawnReplica(options, { create: () => undefined, discard: () => undefined }), (error) => {
    assert.ok(error instanceof Error && 'code' in error);
    assert.equal(error.code, 'INVALID_ARGUMENT');
    assert.match(error.message, /E2BIG.*the largest variables are LARGE with 146\.5 KiB, SMALL with 15 B, TINY with 1 B$/);
    assert.doesNotMatch(error.message, /secret-of/);
    return true;
  });
});

test('a replica finds the drivers of GPUs where the daemon finds them, and nothing else of its environment', (t) => {
  const given = {
    VK_DRIVER_FILES: '/opt/icd.json',
    __EGL_VENDOR_LIBRARY_FILENAMES: '/opt/egl.json',
    LD_LIBRARY_PATH: '/opt/lib',
    CUDA_DEVICE_ORDER: 'PCI_BUS_ID',
  };
  const before = { ...process.env };
  t.after(() => {
    process.env = before;
  });
  process.env = {
    ...given,
    VKTOKEN: 'secret',
    PATH_TO_KEYS: 'secret',
    MY_PATH: 'secret',
    DCF_TOKEN: 'secret',
    AWS_SECRET_ACCESS_KEY: 'secret',
  };
  assert.deepEqual(inheritedEnvironment(), given);
});
