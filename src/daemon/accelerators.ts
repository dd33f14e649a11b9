import type { Manifest, ProviderName } from '@dcf/sdk/manifest';
import type { FunctionName } from '../core/names.js';
import { DeviceLeases, devicesFor } from '../gpu/device-leases.js';
import { type Device, describeDevice, listDevices, visibleDevices } from '../gpu/devices.js';
import { chooseProviders, type ProviderProbe, probeProviders } from '../gpu/providers.js';
import { type DeviceLease, unmanagedDevices } from '../process/device-lease.js';
import type { DaemonLog } from '../telemetry/daemon-log.js';

/** The execution providers and devices of this host. They are looked for once, when the daemon starts; it serves calls meanwhile. */
export class Accelerators {
  readonly probes: Promise<readonly ProviderProbe[]>;
  /** Devices that the daemon may give to replicas. */
  readonly devices: Promise<readonly Device[]>;
  private readonly leases: Promise<DeviceLeases>;

  constructor(private readonly log: DaemonLog) {
    this.probes = this.probe();
    this.devices = this.find();
    this.leases = this.devices.then((found) => new DeviceLeases(found.map(({ index }) => String(index))));
  }

  /** The execution providers that a function gets on this host. @throws DcfError FAILED_PRECONDITION with the reasons when none works */
  async choose(name: FunctionName, wanted: readonly ProviderName[]): Promise<readonly ProviderName[]> {
    const { chosen } = chooseProviders(wanted, await this.probes);
    this.log.info({ function: name, wanted, chosen }, `${name}: execution providers ${chosen.join(', ')}`);
    return chosen;
  }

  /** Returns a function that gives each replica of a function its devices. @throws DcfError FAILED_PRECONDITION when there are too few */
  async lease(manifest: Manifest, providers: readonly string[]): Promise<() => DeviceLease> {
    const leases = await this.leases;
    const count = devicesFor(manifest, providers, leases.count);
    return () => (leases.count === 0 ? unmanagedDevices : leases.take(count));
  }

  private async probe(): Promise<readonly ProviderProbe[]> {
    const probes = await probeProviders();
    for (const { name, usable, detail } of probes)
      this.log.info({ provider: name, usable }, `execution provider ${name}: ${usable ? 'yes' : 'no'}, ${detail}`);
    return probes;
  }

  private async find(): Promise<readonly Device[]> {
    const devices = visibleDevices(await listDevices(), process.env['CUDA_VISIBLE_DEVICES']);
    for (const device of devices) this.log.info({ device: device.index }, `device ${describeDevice(device)}`);
    return devices;
  }
}
