import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import type { DaemonInfo } from '@dcf/sdk/contract';
import { DcfError } from '@dcf/sdk/errors';
import { formatDuration, formatSize } from '@dcf/sdk/units';
import { describeDevice, describeDriver, listDevices } from '../../gpu/devices.js';
import { probeProviders } from '../../gpu/providers.js';
import { type RuntimeSupport, runtimeSupport } from '../../languages/languages.js';
import { cgroupSupport } from '../../process/confinement.js';
import { sandboxSupport } from '../../process/sandbox-support.js';
import { openControl } from '../daemon/clients.js';
import type { Connection } from '../daemon/config.js';

/** One check of `dcf doctor`. The state `note` is worth knowing, but breaks nothing. */
export interface Check {
  readonly name: string;
  readonly state: 'ok' | 'note' | 'broken';
  readonly detail: string;
}

/** The result of `dcf doctor`. */
export interface Checkup {
  readonly checks: readonly Check[];
  /** The machine whose providers, devices, sandbox and disk were checked, in words. */
  readonly machine: string;
}

interface Provider {
  readonly name: string;
  readonly usable: boolean;
  readonly detail: string;
}

interface Usable {
  readonly usable: boolean;
  readonly detail: string;
}

/** The machine that functions run on: the daemon's if one answers, otherwise this machine. */
interface Host {
  readonly machine: string;
  readonly providers: readonly Provider[];
  readonly devices: readonly string[];
  readonly sandbox: Usable;
  /** The runtimes other than Node, which runs this program. */
  readonly runtimes: readonly RuntimeSupport[];
  /** How `limits.memory` is enforced, in words. */
  readonly memory: string;
  readonly disk: Check;
}

const unsaid: Usable = { usable: false, detail: 'unknown: the daemon did not report it' };
const testedNodeVersions = [20, 22, 24];
const oldestNode = { major: 20, minor: 11 };
/** Free bytes below which the disk counts as full. */
const leastDiskBytes = 100 * 2 ** 20;
/** How long the daemon may take to answer. After its start it first tries each provider, for which a GPU's driver may need 20 s. */
const answerTimeMs = 90_000;

/** Checks everything that a function needs. It reports problems, and does not throw for them. */
export async function checkUp(connection: Connection): Promise<Checkup> {
  const { check: daemon, info } = await checkDaemon(connection);
  const [driver, host] = await Promise.all([describeDriver(), info === undefined ? thisHost() : daemonHost(connection, info)]);
  const devices: Check = { name: 'devices', state: 'ok', detail: host.devices.join('; ') || 'no GPU: models run on the CPU' };
  const gpuDriver: Check = { name: 'gpu driver', state: 'ok', detail: `${driver} (this machine)` };
  const memory: Check = { name: 'memory limits', state: 'ok', detail: host.memory };
  const confinement = [checkUsable('sandbox', host.sandbox), memory];
  const checks = [
    checkNode(process.versions.node),
    ...host.runtimes.map((support) => checkUsable(support.runtime, support)),
    daemon,
    gpuDriver,
    devices,
    ...checkProviders(host.providers),
    ...confinement,
    host.disk,
  ];
  return { checks, machine: host.machine };
}

/** Checks whether the platform supports a version of Node. */
export function checkNode(version: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const tooOld = major < oldestNode.major || (major === oldestNode.major && minor < oldestNode.minor);
  const oldest = `${oldestNode.major}.${oldestNode.minor}`;
  if (tooOld) return { name: 'node', state: 'broken', detail: `${version} is too old: install ${oldest} or newer` };
  if (testedNodeVersions.includes(major)) return { name: 'node', state: 'ok', detail: version };
  return { name: 'node', state: 'note', detail: `${version} is not tested; tested versions: ${testedNodeVersions.join(', ')}` };
}

/** Checks each provider. A missing provider breaks nothing while another one is usable. */
export function checkProviders(providers: readonly Provider[]): Check[] {
  const state = providers.some((provider) => provider.usable) ? 'note' : 'broken';
  return providers.map(({ name, usable, detail }) => ({
    name: `provider ${name}`,
    state: usable ? 'ok' : state,
    detail: `${usable ? 'yes' : 'no'}${detail === '' ? '' : `: ${detail}`}`,
  }));
}

/** Checks something that only some functions need: if it is missing, that is worth knowing, but breaks nothing. */
export function checkUsable(name: string, { usable, detail }: Usable): Check {
  return { name, state: usable ? 'ok' : 'note', detail: `${usable ? 'yes' : 'no'}: ${detail}` };
}

function describeGuard(guard: string, reason: string): string {
  return guard === 'watch' ? `checked by the daemon every 250 ms, as no cgroup can be used: ${reason}` : guard;
}

async function checkDaemon(connection: Connection): Promise<{ check: Check; info?: DaemonInfo }> {
  const client = await openControl(connection);
  try {
    const info = await client.info({ signal: AbortSignal.timeout(answerTimeMs) });
    const up = formatDuration(Math.max(0, Date.now() - info.startedAt));
    const http = info.http === '' ? 'no HTTP' : `HTTP at ${info.http}`;
    const detail = `${info.version} at ${connection.url}, process ${info.pid}, Node ${info.nodeVersion}, up ${up}, ${http}`;
    return { info, check: { name: 'daemon', state: info.ready ? 'ok' : 'note', detail: info.ready ? detail : `${detail}, not ready yet` } };
  } catch (error) {
    const { code, message } = DcfError.from(error);
    const answered = code === 'UNAUTHENTICATED' || code === 'PERMISSION_DENIED';
    const detail = answered ? `${connection.url} does not accept the token: ${message}` : message;
    return { check: { name: 'daemon', state: answered || connection.named ? 'broken' : 'note', detail } };
  } finally {
    client.close();
  }
}

async function thisHost(): Promise<Host> {
  const [providers, devices, disk, sandbox, runtimes] = await Promise.all([
    probeProviders(),
    listDevices(),
    statfs(tmpdir()),
    sandboxSupport(),
    runtimeSupport({ python: process.env['DCF_PYTHON'] }),
  ]);
  const cgroups = cgroupSupport(undefined);
  return {
    machine: 'this machine',
    providers,
    devices: devices.map(describeDevice),
    sandbox,
    runtimes,
    memory: cgroups.usable ? describeGuard(`cgroup ${cgroups.version}`, '') : describeGuard('watch', cgroups.reason),
    disk: checkDisk(tmpdir(), disk.bavail * disk.bsize, disk.blocks * disk.bsize),
  };
}

function daemonHost({ url }: Connection, info: DaemonInfo): Host {
  const { providers, devices, dataDirectory, diskFree, diskTotal } = info;
  return {
    machine: `the daemon at ${url}`,
    providers,
    devices,
    // A daemon of another version may not report it.
    sandbox: info.sandbox ?? unsaid,
    runtimes: [{ runtime: 'python', ...(info.python ?? unsaid) }],
    memory: describeGuard(info.memoryGuard, info.memoryGuardReason),
    disk: checkDisk(dataDirectory, diskFree, diskTotal),
  };
}

function checkDisk(path: string, free: number, total: number): Check {
  const detail = `${formatSize(free)} of ${formatSize(total)} free in ${path}`;
  return { name: 'disk', state: free < leastDiskBytes ? 'broken' : 'ok', detail };
}
