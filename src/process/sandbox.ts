import { existsSync, lstatSync, readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { platformPackages } from '../core/platform-packages.js';

export interface SandboxOptions {
  /** The revision's folder, absolute. */
  directory: string;
  network: boolean;
  /** Whether the devices of GPUs are to be had inside. */
  gpu: boolean;
  /** More files and folders that can be read inside, absolute. What does not exist is left out. */
  readOnly: readonly string[];
  /** The most bytes that /tmp and /dev/shm take; `undefined`: as many as the kernel gives, or this bwrap cannot say. */
  temporarySize: number | undefined;
  /** Otherwise the kernel ends it when the process that starts it is gone. */
  outlivesParent?: boolean;
}

/** Where the platform's own code lies: dist/src. */
const platformCode = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

const system = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];

/** What programs read of /etc, and nothing that only some may read: a daemon that runs as root could read it for them. */
const systemFiles = [
  ...['alternatives', 'ld.so.cache', 'ld.so.conf', 'ld.so.conf.d', 'localtime', 'timezone', 'passwd', 'group', 'nsswitch.conf'],
  ...['hosts', 'host.conf', 'gai.conf', 'resolv.conf', 'protocols', 'services', 'OpenCL', 'vulkan', 'glvnd'],
  ...['ssl/certs', 'ssl/openssl.cnf', 'ca-certificates', 'pki/tls/certs', 'pki/ca-trust/extracted', 'crypto-policies'],
].map((name) => join('/etc', name));

/**
 * What to put in front of a command so that bubblewrap runs it with a system that it can only read, a /tmp and processes of
 * its own, and of the data directory nothing but its revision. Descriptors and environment reach the command unchanged. The
 * command leads no session of its own, so that a signal to the process group still reaches all.
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

/** What lies in it is memory that no process is charged with. */
function temporary(path: string, size: number | undefined): string[] {
  return [...(size === undefined ? [] : ['--size', String(size)]), '--tmpfs', path];
}

function systemFolder(path: string): string[] {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return [];
  return found.isSymbolicLink() ? ['--symlink', readlinkSync(path), path] : ['--ro-bind', path, path];
}

/** The devices of NVIDIA's driver, with those for MIG, and of the others that render; in `/dev` unless a test says where. */
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

/** What lies in a folder that is there already comes with it. It cannot be put there once more: it may be a link. */
function outermost(paths: readonly string[]): string[] {
  const kept: string[] = [];
  for (const path of [...paths].sort()) {
    if (!['/usr', ...kept].some((folder) => path === folder || path.startsWith(`${folder}/`))) kept.push(path);
  }
  return kept;
}

/** The folders that Node looks for packages in, from a folder upwards, and where they really are. */
function modulesAbove(folder: string): string[] {
  const parent = dirname(folder);
  const here = join(folder, 'node_modules');
  const found = existsSync(here) ? [here, resolved(here) ?? here] : [];
  return parent === folder ? found : [...found, ...modulesAbove(parent)];
}

/** Where the platform's packages really are for code in a folder: in a checkout the SDK is a link out of node_modules. */
function packagesOf(folder: string): string[] {
  const candidates = modulesAbove(folder).flatMap((modules) => platformPackages.map((name) => resolved(join(modules, name))));
  return candidates.filter((path) => path !== undefined);
}

function packageRoot(folder: string): string {
  const parent = dirname(folder);
  return parent === folder || existsSync(join(folder, 'package.json')) ? folder : packageRoot(parent);
}

/** Where the daemon finds CUDA's libraries. A function's own setting says nothing here: it could name any folder. */
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
