import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { repositoryPath } from '../../../bench/harness/paths.js';
import { temporaryDirectory } from '../../support/cleanup.js';

type KeepOne = (library: Buffer, capability: number) => { bytes: number; binaries: number };
const { keepOneArchitecture }: { keepOneArchitecture: KeepOne } = await import(
  pathToFileURL(repositoryPath('scripts/gpu/fatbin.mjs')).href
);

/** A fat binary with an entry of 64 bytes for each, filled with the capability. */
function fatBinary(...capabilities: readonly number[]): Buffer {
  const entries = capabilities.map((capability) => {
    const head = Buffer.alloc(64);
    head.writeUInt16LE(2, 0);
    head.writeUInt16LE(0x101, 2);
    head.writeUInt32LE(64, 4);
    head.writeBigUInt64LE(64n, 8);
    head.writeUInt32LE(capability, 28);
    return Buffer.concat([head, Buffer.alloc(64, capability)]);
  });
  const head = Buffer.alloc(16);
  head.writeUInt32LE(0xba55ed50, 0);
  head.writeUInt16LE(1, 4);
  head.writeUInt16LE(16, 6);
  head.writeBigUInt64LE(BigInt(entries.length * 128), 8);
  return Buffer.concat([head, ...entries]);
}

/** The capabilities whose code is left, binary by binary. */
function left(library: Buffer): number[] {
  return [...new Set(library.subarray(0).filter((byte, index, all) => byte > 60 && all[index + 1] === byte && all[index + 40] === byte))];
}

test('of kernels for several cards those of one are kept, and what it could run where it has none of its own', () => {
  const noise = Buffer.from('text\x50\xed\x55\xba\x01\x00\x10\x00text that only begins as a binary does', 'latin1');
  const library = Buffer.concat([noise, fatBinary(75, 80, 90, 120), noise, fatBinary(80, 86), fatBinary(120), noise]);
  const before = Buffer.from(library);
  assert.deepEqual(keepOneArchitecture(library, 90), { bytes: 4 * 64, binaries: 3 });
  assert.deepEqual(left(library), [90, 80, 86]);
  assert.equal(library.length, before.length);
  // Heads are left as they were, for the driver reads them.
  assert.equal(library.subarray(noise.length, noise.length + 16 + 64).compare(before.subarray(noise.length, noise.length + 16 + 64)), 0);
  assert.deepEqual(keepOneArchitecture(Buffer.alloc(1000, 7), 90), { bytes: 0, binaries: 0 });
});

test('what only looks like a binary is left as it is: of another version, with another head, cut off, or with code beyond its end', () => {
  const changed = (change: (binary: Buffer) => void): Buffer => {
    const binary = Buffer.from(fatBinary(120));
    change(binary);
    return binary;
  };
  for (const [what, binary] of Object.entries({
    version: changed((binary) => binary.writeUInt16LE(2, 4)),
    head: changed((binary) => binary.writeUInt16LE(17, 6)),
    end: fatBinary(120).subarray(0, -1),
    code: changed((binary) => binary.writeBigUInt64LE(65n, 16 + 8)),
    place: changed((binary) => {
      binary.writeUInt32LE(0, 16 + 4);
      binary.writeBigUInt64LE(128n, 16 + 8);
    }),
  })) {
    // Code of a library follows each.
    const library = Buffer.concat([binary, ...(what === 'end' ? [] : [Buffer.alloc(64, 7)])]);
    const before = Buffer.from(library);
    assert.deepEqual(keepOneArchitecture(library, 90), { bytes: 0, binaries: 0 }, what);
    assert.deepEqual(library, before, what);
  }
});

/** A bundle whose Node is a shell script that writes its arguments down, each archive in two pieces. */
async function smallBundle(
  t: TestContext,
): Promise<{ run: (...argv: string[]) => { status: number | null; stdout: string; stderr: string }; pieces: string }> {
  const folder = await temporaryDirectory(t);
  const [staged, pieces, target] = ['staged', 'pieces', 'target'].map((name) => join(folder, name));
  if (staged === undefined || pieces === undefined || target === undefined) throw new Error('three folders');
  const contents = {
    app: { 'scripts/gpu-check.mjs': '' },
    base: { 'node/bin/node': `#!/bin/sh\nshift\necho "$@" | sed s#${target}##g\n`, 'libraries/libvulkan.so.1': '' },
    cuda: { 'cuda/libonnxruntime_providers_cuda.so': '' },
  };
  const manifest: Record<string, object[]> = {};
  await mkdir(pieces);
  for (const [name, files] of Object.entries(contents)) {
    for (const [path, content] of Object.entries(files)) {
      await mkdir(join(staged, name, path, '..'), { recursive: true });
      await writeFile(join(staged, name, path), content, { mode: 0o755 });
    }
    const archive = execFileSync('sh', ['-c', `tar -C ${join(staged, name)} -cf - . | xz -0`]);
    const middle = Math.floor(archive.length / 2);
    manifest[name] = [archive.subarray(0, middle), archive.subarray(middle)].map((content, index) => ({
      file: `${name}.tar.xz.${index}`,
      content,
      sha256: createHash('sha256').update(content).digest('hex'),
    }));
  }
  for (const entry of Object.values(manifest).flat()) {
    if ('file' in entry && 'content' in entry && Buffer.isBuffer(entry.content))
      await writeFile(join(pieces, String(entry.file)), entry.content);
  }
  await writeFile(join(pieces, 'manifest.json'), JSON.stringify(manifest));
  const program = join(pieces, 'run.py');
  await writeFile(program, readFileSync(repositoryPath('scripts/gpu/run.py')));
  return { pieces, run: (...argv) => spawnSync('python3', [program, '--to', target, ...argv], { encoding: 'utf8' }) };
}

test('run.py: what is here is unpacked and run, what is missing is named with exit code 3, and a second run goes on', async (t) => {
  const { run, pieces } = await smallBundle(t);
  const kept = readFileSync(join(pieces, 'cuda.tar.xz.1'));
  const base = readFileSync(join(pieces, 'base.tar.xz.0'));
  await rm(join(pieces, 'cuda.tar.xz.1'));
  await writeFile(join(pieces, 'base.tar.xz.0'), 'broken');
  const nothing = run('--only', 'cpu');
  assert.deepEqual([nothing.status, nothing.stdout], [3, '']);
  assert.match(nothing.stderr, /^missing or broken: base\.tar\.xz\.0$/m);
  await writeFile(join(pieces, 'base.tar.xz.0'), base);
  const without = run('--only', 'cpu,cuda', '--quick');
  assert.deepEqual([without.status, without.stdout.trim()], [3, '--only cpu --libraries /libraries --quick']);
  assert.match(without.stderr, /^missing or broken: cuda\.tar\.xz\.1$/m);
  const enough = run('--only', 'cpu,webgpu');
  assert.deepEqual([enough.status, enough.stdout.trim(), enough.stderr], [0, '--only cpu,webgpu --libraries /libraries', '']);
  await writeFile(join(pieces, 'cuda.tar.xz.1'), kept);
  const all = run();
  assert.deepEqual([all.status, all.stdout.trim()], [0, '--only cpu,webgpu,cuda,torch --libraries /libraries --cuda /cuda']);
});
