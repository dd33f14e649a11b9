import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { describeDevice, describeDriver, listDevices, visibleDevices } from '../../../src/gpu/devices.js';

describe('devices', () => {
  let folder = '';

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dcf-devices-'));
  });
  after(() => rm(folder, { recursive: true }));

  /** A PATH that has only an nvidia-smi which runs `body`. */
  async function nvidiaSmi(body: string): Promise<NodeJS.ProcessEnv> {
    await writeFile(join(folder, 'nvidia-smi'), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    return { PATH: [folder, '/usr/bin', '/bin', dirname(process.execPath)].join(delimiter) };
  }

  test('lists the devices with their memory in bytes', async () => {
    const environment = await nvidiaSmi(
      `echo '0, NVIDIA H200, 143771, 570.86.15, GPU-11'; echo '1, NVIDIA GH200 480GB, [N/A], 570.86.15, GPU-22'`,
    );
    assert.deepEqual(await listDevices(environment), [
      { index: 0, name: 'NVIDIA H200', memory: 143_771 * 2 ** 20, driver: '570.86.15', uuid: 'GPU-11' },
      { index: 1, name: 'NVIDIA GH200 480GB', memory: 0, driver: '570.86.15', uuid: 'GPU-22' },
    ]);
    assert.equal(await describeDriver(environment), 'NVIDIA driver 570.86.15, 2 devices');
  });

  test('asks for exactly what it reads', async () => {
    const environment = await nvidiaSmi(`echo "0, $*, 1, x, u" | tr ',' ';' | sed 's/;/,/; s/; 1; x; u/, 1, x, u/'`);
    const [device] = await listDevices(environment);
    assert.equal(device?.name, '--query-gpu=index;name;memory.total;driver_version;uuid --format=csv;noheader;nounits');
  });

  test('are those that the daemon itself may use', () => {
    const device = (index: number) => ({ index, name: 'NVIDIA H200', memory: 0, driver: '570', uuid: `GPU-${index}a` });
    const all = [0, 1, 2].map(device);
    const visible = (allowed: string | undefined): number[] => visibleDevices(all, allowed).map(({ index }) => index);
    assert.deepEqual(visible(undefined), [0, 1, 2]);
    assert.deepEqual(visible('2,0'), [2, 0]);
    assert.deepEqual(visible('GPU-1, 2'), [1, 2]);
    assert.deepEqual(visible(''), []);
    assert.deepEqual(visible('-1'), []);
    assert.deepEqual(visible('0,7,1'), [0]);
    assert.equal(describeDevice({ ...device(1), memory: 80 * 2 ** 30 }), '1: NVIDIA H200, 80 GiB');
    assert.equal(describeDevice(device(2)), '2: NVIDIA H200');
  });

  test('has none, and says why, where nvidia-smi is missing', async () => {
    const environment = { PATH: join(folder, 'nowhere') };
    assert.deepEqual(await listDevices(environment), []);
    assert.equal(await describeDriver(environment), 'nvidia-smi is not installed, so there is no NVIDIA driver on this host');
  });

  test('has none, and says why, where nvidia-smi fails', async () => {
    const environment = await nvidiaSmi(
      `echo "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."; echo more; exit 9`,
    );
    assert.deepEqual(await listDevices(environment), []);
    assert.equal(
      await describeDriver(environment),
      "nvidia-smi failed: NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.",
    );
  });

  test('has none where the driver sees no device', async () => {
    const environment = await nvidiaSmi('echo "No devices were found"');
    assert.deepEqual(await listDevices(environment), []);
    assert.equal(await describeDriver(environment), 'the NVIDIA driver is installed, but it has no device');
  });
});
