// Makes a clean clone ready to run: installs what package-lock.json names and builds, each only where it is needed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [major] = process.versions.node.split('.');
if (Number(major) < 20) {
  console.error(`DCF needs Node 20 or newer; this is ${process.version}`);
  process.exit(1);
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

const lockDigest = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex');
const installedMark = join(root, 'node_modules', '.dcf-installed');
const installed = existsSync(installedMark) && readFileSync(installedMark, 'utf8') === lockDigest;
if (!installed) {
  console.log('installing packages (npm ci) …');
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  writeFileSync(installedMark, lockDigest);
}

const sources = ['proto', 'sdk/src', 'src', 'test', 'bench', 'demo', 'scripts', 'functions', 'tsconfig.base.json', 'package-lock.json'];

function newest(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return readdirSync(path)
    .filter((name) => name !== 'generated' && name !== 'node_modules' && name !== 'results')
    .reduce((latest, name) => Math.max(latest, newest(join(path, name))), stat.mtimeMs);
}

const builtMark = join(root, 'dist', '.dcf-built');
const built =
  installed && existsSync(builtMark) && statSync(builtMark).mtimeMs >= Math.max(...sources.map((path) => newest(join(root, path))));
if (!built) {
  console.log('building …');
  run(process.execPath, [join(root, 'scripts', 'build.mjs')]);
  writeFileSync(builtMark, '');
}
