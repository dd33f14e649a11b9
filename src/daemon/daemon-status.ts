import { statfs } from 'node:fs/promises';
import type { DaemonInfo } from '@dcf/sdk/contract';
import { projectVersion } from '../core/version.js';
import { describeDevice } from '../gpu/devices.js';
import { supportOf } from '../languages/languages.js';
import { cgroupSupport } from '../process/confinement.js';
import { sandboxSupport } from '../process/sandbox-support.js';
import type { Accelerators } from './accelerators.js';
import type { Settings } from './settings.js';

export interface DaemonStatusOptions {
  settings: Settings;
  dataDirectory: string;
  accelerators: Accelerators;
  ready: () => boolean;
  /** The address of the HTTP server, as HOST:PORT; `undefined` when there is none. */
  httpAddress: () => string | undefined;
}

/** Reports on the daemon itself and on its machine. */
export class DaemonStatus {
  private readonly startedAt = Date.now();

  constructor(private readonly options: DaemonStatusOptions) {}

  async read(): Promise<DaemonInfo> {
    const { settings, dataDirectory, accelerators, ready, httpAddress } = this.options;
    const disk = await statfs(dataDirectory);
    const { usable, detail } = await sandboxSupport();
    const cgroups = cgroupSupport(settings.cgroup);
    return {
      version: projectVersion(),
      pid: process.pid,
      startedAt: this.startedAt,
      nodeVersion: process.version,
      ready: ready(),
      providers: [...(await accelerators.probes)],
      devices: (await accelerators.devices).map(describeDevice),
      dataDirectory,
      diskFree: disk.bavail * disk.bsize,
      diskTotal: disk.blocks * disk.bsize,
      memory: process.memoryUsage.rss(),
      sandbox: { usable, detail },
      python: await supportOf('python', { python: settings.python }),
      memoryGuard: cgroups.usable ? `cgroup ${cgroups.version}` : 'watch',
      memoryGuardReason: cgroups.usable ? '' : cgroups.reason,
      http: httpAddress() ?? '',
    };
  }
}
