// Packs all that scripts/gpu-check.mjs needs on a machine with an NVIDIA driver and PyTorch but no Node and no registries, in pieces
// that can travel one by one: build/gpu-bundle, or the folder that --out names. docs/gpu.md says how to use it. It needs a build.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { stageApp, stageBase, stageCuda } from './gpu/stage.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const usage = 'usage: gpu-bundle [--out DIR] [--only app,base,cuda] [--cuda-arch 90] [--wheel FILE] [--level 9] [--piece 56]';
const text = { type: 'string' };
const { values } = parseArgs({ options: { out: text, only: text, 'cuda-arch': text, wheel: text, level: text, piece: text } });
const out = resolve(values.out ?? join(root, 'build', 'gpu-bundle'));
const only = (values.only ?? 'app,base,cuda').split(',');
const pieceBytes = Number(values.piece ?? 56) * 2 ** 20;
const architecture = values['cuda-arch'] === undefined ? undefined : Number(values['cuda-arch']);

const archives = {
  app: (target) => stageApp(root, target),
  base: (target) => stageBase(root, target),
  cuda: (target) => stageCuda(root, target, { wheel: values.wheel && resolve(values.wheel), architecture }),
};
if (only.some((name) => !(name in archives)) || !(pieceBytes > 0 && pieceBytes < 60 * 2 ** 20) || Number.isNaN(architecture)) fail(usage);
if (process.platform !== 'linux' || process.arch !== 'x64') fail('gpu-bundle makes a bundle for x86-64 Linux, and has to run on it');
if (!existsSync(join(root, 'dist/bench/gpu/main.js'))) fail('gpu-bundle needs a build: npm run build');

mkdirSync(out, { recursive: true });
const manifestFile = join(out, 'manifest.json');
const manifest = existsSync(manifestFile) ? JSON.parse(readFileSync(manifestFile, 'utf8')) : {};
for (const name of only) {
  const stage = mkdtempSync(join(tmpdir(), `dcf-gpu-${name}-`));
  try {
    await archives[name](stage);
    manifest[name] = await pack(name, stage);
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}
writeFileSync(manifestFile, `${JSON.stringify(manifest, null, 2)}\n`);
copyFileSync(join(root, 'scripts/gpu/run.py'), join(out, 'run.py'));
for (const [name, pieces] of Object.entries(manifest)) {
  for (const { file, size } of pieces) console.log(`${name}: ${file}, ${(size / 2 ** 20).toFixed(1)} MiB`);
}

/** Packs a folder, and cuts it into pieces of about the same size. */
async function pack(name, folder) {
  const archive = join(out, `${name}.tar.xz`);
  for (const file of readdirSync(out).filter((each) => each.startsWith(`${name}.tar.xz`))) rmSync(join(out, file));
  const tar = spawn('tar', ['-C', folder, '--sort=name', '--owner=0', '--group=0', '--mtime=@0', '-cf', '-', '.'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const file = openSync(archive, 'w');
  const xz = spawn('xz', ['-T0', `-${values.level ?? '9'}`, '-c'], { stdio: [tar.stdout, file, 'inherit'] });
  const codes = await Promise.all([tar, xz].map(async (child) => (await once(child, 'exit'))[0]));
  closeSync(file);
  if (codes.some((code) => code !== 0)) fail(`packing ${name} failed: tar and xz exited with ${codes.join(' and ')}`);
  const pieces = cut(archive);
  rmSync(archive);
  return pieces;
}

function cut(archive) {
  const { size } = statSync(archive);
  const count = Math.ceil(size / pieceBytes);
  const each = Math.ceil(size / count);
  const source = openSync(archive, 'r');
  const pieces = [];
  for (let index = 0; index < count; index++) {
    const content = Buffer.alloc(Math.min(each, size - index * each));
    readSync(source, content, 0, content.length, index * each);
    const file = `${archive.slice(archive.lastIndexOf('/') + 1)}.${index}`;
    writeFileSync(join(out, file), content);
    pieces.push({ file, size: content.length, sha256: createHash('sha256').update(content).digest('hex') });
  }
  closeSync(source);
  return pieces;
}

function fail(message) {
  console.error(message);
  process.exit(2);
}
