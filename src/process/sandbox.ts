import { existsSync, lstatSync, readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { platformPackages } from '../core/platform-packages.js';

export interface SandboxOptions {
  /** The revision's folder, absolute. */
  directory: string;
  network: boolean;
  /** Whether the devices of GPUs can be used inside. */
  gpu: boolean;
  /** Absolute paths of more files and folders that can be read inside. Those that do not exist are left out. */
  readOnly: readonly string[];
  /** The most bytes of each of /tmp and /dev/shm; `undefined`: the kernel's default. Only a bwrap with `--size` takes it. */
  temporarySize: number | undefined;
  /** Whether it goes on when the process that starts it is gone. @default false: the kernel ends it then */
  outlivesParent?: boolean;
}

/** The folder of the platform's own code: dist/src. */
const platformCode = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

const system = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];

/** The parts of /etc that programs need. All of them are world-readable: a daemon that runs as root would show others their protected files. */
const systemFiles = [
  ...['alternatives', 'ld.so.cache', 'ld.so.conf', 'ld.so.conf.d', 'localtime', 'timezone', 'passwd', 'group', 'nsswitch.conf'],
  ...['hosts', 'host.conf', 'gai.conf', 'resolv.conf', 'protocols', 'services', 'OpenCL', 'vulkan', 'glvnd'],
  ...['ssl/certs', 'ssl/openssl.cnf', 'ca-certificates', 'pki/tls/certs', 'pki/ca-trust/extracted', 'crypto-policies'],
].map((name) => join('/etc', name));

/**
 * The words in front of a command that let bubblewrap run it in a sandbox: the system is read-only, /tmp and the process tree are
 * its own, and of the data directory it sees only its revision. File descriptors and environment reach the command unchanged. The
 * sandbox has no session of its own, so that a signal to the process group still reaches all of it.
 * https://github.com/containers/bubblewrap/blob/main/bwrap.xml
 */
export function sandboxCommand(options: SandboxOptions): string[] {
  const { directory, network, gpu, temporarySize, outlivesParent = false } = options;
  return [
    'bwrap',
    ...(outlivesParent ? [] : ['--die-with-parent']),
    ...['--unshare-user-try', '--unshare-pid', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try'],
    ...(network ? [] : ['--unshare-net']),
    ...['--cap-drop', 'ALL'],
    ...['--ro-bind', '/usr', '/usr'],
    ...system.flatMap(systemFolder),
    ...systemFiles.flatMap(readOnly),
    ...['--proc', '/proc', '--dev', '/dev'],
    ...['/sys/devices/system/cpu', '/sys/devices/system/node'].flatMap(readOnly),
    ...(gpu ? ['--ro-bind-try', '/sys', '/sys', ...gpuDevices().flatMap((path) => ['--dev-bind-try', path, path])] : []),
    ...['/dev/shm', '/tmp'].flatMap((path) => temporary(path, temporarySize)),
    ...readablePaths(options).flatMap(readOnly),
    ...['--remount-ro', '/', '--chdir', directory, '--'],
  ];
}

function readOnly(path: string): string[] {
  return ['--ro-bind-try', path, path];
}

/** A tmpfs. Its files are memory that belongs to no process, so only its size limits them. */
function temporary(path: string, size: number | undefined): string[] {
  return [...(size === undefined ? [] : ['--size', String(size)]), '--tmpfs', path];
}

function systemFolder(path: string): string[] {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return [];
  return found.isSymbolicLink() ? ['--symlink', readlinkSync(path), path] : ['--ro-bind', path, path];
}

/** The device files of NVIDIA's driver, MIG's among them, and of other GPUs. @param folder - @default `/dev` */
export function gpuDevices(folder = '/dev'): string[] {
  const names = readdirSync(folder).filter((name) => name.startsWith('nvidia'));
  return [...names.sort(), 'dri', 'kfd'].map((name) => join(folder, name)).filter((path) => existsSync(path));
}

function readablePaths({ directory, gpu, readOnly }: SandboxOptions): string[] {
  const code = [platformCode, directory, ...packagesOf(platformCode), ...packagesOf(directory)];
  const paths = [
    process.execPath,
    ...code,
    ...code.flatMap(modulesAbove),
    join(packageRoot(platformCode), 'package.json'),
    ...readOnly,
    ...(gpu ? libraryFolders() : []),
  ];
  return outermost(paths.flatMap((path) => [path, resolved(path) ?? path]));
}

/** Drops the paths inside other paths of the list: they come with those, and binding a link a second time fails. */
function outermost(paths: readonly string[]): string[] {
  const kept: string[] = [];
  for (const path of [...paths].sort()) {
    if (!['/usr', ...kept].some((folder) => path === folder || path.startsWith(`${folder}/`))) kept.push(path);
  }
  return kept;
}

/** The node_modules folders that Node searches from a folder upwards, and their real paths. */
function modulesAbove(folder: string): string[] {
  const parent = dirname(folder);
  const here = join(folder, 'node_modules');
  const found = existsSync(here) ? [here, resolved(here) ?? here] : [];
  return parent === folder ? found : [...found, ...modulesAbove(parent)];
}

/** The real paths of the platform's packages for code in a folder: in a checkout node_modules/@dcf/sdk is a link to sdk/. */
function packagesOf(folder: string): string[] {
  const candidates = modulesAbove(folder).flatMap((modules) => platformPackages.map((name) => resolved(join(modules, name))));
  return candidates.filter((path) => path !== undefined);
}

function packageRoot(folder: string): string {
  const parent = dirname(folder);
  return parent === folder || existsSync(join(folder, 'package.json')) ? folder : packageRoot(parent);
}

/** The folders in which the daemon finds CUDA's libraries. A function's own variables are not used: they could name any folder. */
function libraryFolders(): string[] {
  const { LD_LIBRARY_PATH = '', CUDA_PATH = '', CUDA_HOME = '' } = process.env;
  return [...LD_LIBRARY_PATH.split(':'), CUDA_PATH, CUDA_HOME].filter((path) => path.startsWith(sep) && path !== sep);
}

function resolved(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
