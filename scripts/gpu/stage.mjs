import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { keepOneArchitecture } from './fatbin.mjs';
import { takeFromWheel } from './wheel.mjs';

/** Debian packages with the loaders of Vulkan and OpenGL drivers, and with the libraries that NVIDIA's driver loads. */
const packages = [
  ...['libvulkan1', 'libegl1', 'libglvnd0', 'libopengl0', 'libgl1', 'libglx0', 'libgles2'],
  ...['libx11-6', 'libxext6', 'libxcb1', 'libxau6', 'libxdmcp6', 'libbsd0', 'libmd0'],
];
/** Libraries that every Linux has. A Node that needs others belongs to its system, and runs nowhere else. */
const systemLibraries = /^(linux-vdso|ld-linux-x86-64|lib(dl|stdc\+\+|m|gcc_s|pthread|c|rt|atomic))\.so/;

/** The build, the files that it reads, and the functions. */
export function stageApp(root, target) {
  const paths = [
    'package.json',
    'proto',
    'functions',
    'bench/functions',
    'scripts',
    'dist/src',
    'dist/bench',
    'sdk/package.json',
    'sdk/dist',
    'sdk/python',
  ];
  for (const path of paths) copy(join(root, path), join(target, path), (inner) => !/(\.d\.ts|\.map|\.tsbuildinfo)$/.test(inner));
}

/** Node, the packages that are needed at run time, and the loaders' libraries. */
export function stageBase(root, target) {
  stageNode(join(target, 'node', 'bin', 'node'));
  const { packages: installed } = JSON.parse(readFileSync(join(root, 'node_modules', '.package-lock.json'), 'utf8'));
  for (const [path, { dev, link }] of Object.entries(installed)) {
    if (dev || link || !path.startsWith('node_modules/') || path.includes('linuxmusl') || !existsSync(join(root, path))) continue;
    copy(join(root, path), join(target, path), isNeeded);
  }
  copy(join(root, 'node_modules/@dcf'), join(target, 'node_modules/@dcf'));
  stageLibraries(join(target, 'libraries'));
}

/** The CUDA provider, for one kind of card or for all, and the main library of the build that it comes from. */
export function stageCuda(root, target, { wheel, architecture }) {
  const folder = join(target, 'cuda');
  const { version } = JSON.parse(readFileSync(join(root, 'node_modules/onnxruntime-node/package.json'), 'utf8'));
  const names = ['libonnxruntime_providers_cuda.so', 'libonnxruntime_providers_shared.so', 'libonnxruntime.so'];
  for (const name of takeFromWheel(version, folder, names, wheel)) {
    if (name.startsWith('libonnxruntime.so.')) renameTo(join(folder, name), join(folder, 'libonnxruntime.so.1'));
  }
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.whl'))) rmSync(join(folder, name));
  if (architecture === undefined) return;
  const library = join(folder, names[0]);
  const content = readFileSync(library);
  const { bytes, binaries } = keepOneArchitecture(content, architecture);
  if (bytes === 0)
    throw new Error(`the CUDA provider holds nothing for cards other than ${architecture}: ${binaries} binaries were looked at`);
  writeFileSync(library, content);
}

function renameTo(from, to) {
  copyFileSync(from, to);
  rmSync(from);
}

function stageNode(target) {
  const libraries = run('ldd', [process.execPath])
    .split('\n')
    .map((line) => line.trim().split(/\s+/)[0] ?? '');
  const foreign = libraries
    .map((path) => path.slice(path.lastIndexOf('/') + 1))
    .filter((name) => name !== '' && !systemLibraries.test(name));
  if (foreign.length > 0)
    throw new Error(`${process.execPath} needs ${foreign.join(', ')} of this system: run this with Node as nodejs.org builds it`);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(process.execPath, target);
  chmodSync(target, 0o755);
  // Removes the symbols, which only a debugger reads.
  spawnSync('strip', ['--strip-unneeded', target]);
  run(target, ['--version']);
}

function stageLibraries(target) {
  const folder = join(dirname(target), 'packages');
  mkdirSync(folder, { recursive: true });
  mkdirSync(target, { recursive: true });
  run('apt-get', ['download', ...packages], folder);
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.deb'))) run('dpkg-deb', ['-x', name, 'root'], folder);
  const libraries = readdirSync(join(folder, 'root'), { recursive: true }).filter((path) => /\.so\.\d+$/.test(path));
  // Copied under the name that programs ask for, also where that is a link.
  for (const path of libraries) copyFileSync(join(folder, 'root', path), join(target, path.slice(path.lastIndexOf(sep) + 1)));
  rmSync(folder, { recursive: true });
}

/** Whether a file is needed at run time: not the binaries of other platforms, and not what only a compiler reads. */
function isNeeded(path) {
  if (/(^|\/)onnxruntime-node\/bin\/napi-v6\/(darwin|win32|linux\/arm64)/.test(path)) return false;
  return !/(\.d\.[cm]?ts|\.map|\.md)$/.test(path) && !/libonnxruntime_providers_/.test(path);
}

function copy(from, to, isWanted = () => true) {
  cpSync(from, to, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) =>
      !path.split(sep).includes('__pycache__') && (statSync(path, { throwIfNoEntry: false })?.isDirectory() || isWanted(path)),
  });
}

function run(command, argv, cwd = undefined) {
  const { status, error, stdout, stderr } = spawnSync(command, argv, { cwd, encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ${argv.join(' ')} exited with ${status}: ${stderr.trim()}`);
  return stdout;
}
