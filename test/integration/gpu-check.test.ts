import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { z } from 'zod';
import { repositoryPath } from '../../bench/harness/paths.js';
import { temporaryDirectory } from '../support/cleanup.js';
import { cleanEnvironment } from '../support/programs.js';

const run = promisify(execFile);
const positive = z.number().positive();
const load = z.object({ inFlight: positive, calls: positive, perSecond: positive, p50Ms: positive, p99Ms: positive });
const throughDaemon = load.extend({ meanBatch: z.number().min(1), providers: z.tuple([z.literal('cpu')]) });
const placement = z.object({
  providers: z.tuple([z.literal('cpu')]),
  replicas: z.array(z.object({ pid: positive, devices: z.array(z.string()) })).length(1),
});
/** What a check of the CPU alone prints: each step, and figures that are more than nothing. */
const model = z.object({ loads: z.array(throughDaemon.extend({ maxBatch: positive })).length(4), placement });
const raw = z.object({
  createdMs: positive,
  first: z.array(z.number()).min(10),
  loads: z.array(load).length(4),
  differenceFromCpu: z.literal(0),
});
const figures: Readonly<Record<string, z.ZodType>> = {
  'doctor/npm': z.object({ checks: z.array(z.object({ name: z.string(), detail: z.string() })).min(5) }),
  'cpu/raw/digits': raw,
  'cpu/raw/resnet': raw,
  'cpu/digits': model,
  'cpu/resnet': model,
  'cpu/together': z.object({ functions: z.array(z.object({ name: z.string(), load: throughDaemon, placement })).length(2) }),
  'cpu/kill': z.object({ pid: positive, goneMs: z.number(), answerMs: positive }),
  'cpu/end': z.object({}),
};
const report = z.object({
  cards: z.array(z.string()),
  machine: z.object({ cpu: z.string(), cores: positive }),
  steps: z.array(z.object({ name: z.string(), state: z.string(), ms: z.number(), detail: z.string().optional(), figures: z.unknown() })),
});

function verify(stdout: string): void {
  const { steps } = report.parse(JSON.parse(stdout));
  assert.deepEqual(
    steps.map(({ name, state, detail }) => [name, state, detail]),
    Object.keys(figures).map((name) => [name, 'done', undefined]),
  );
  for (const step of steps) figures[step.name]?.parse(step.figures);
}

test('the check of the CPU alone: every step is done and has figures, and nothing is left', { timeout: 300_000 }, async (t) => {
  const folder = await temporaryDirectory(t);
  const env = { ...cleanEnvironment(), TMPDIR: folder, OUT: folder };
  const argv = [repositoryPath('scripts/gpu-check.mjs'), '--only', 'cpu', '--quick', '--seconds', '0.2'];
  const { stdout } = await run(process.execPath, argv, { env, maxBuffer: 2 ** 24 });
  verify(stdout);
  assert.equal(await readFile(join(folder, 'gpu-check-cpu.json'), 'utf8'), stdout);
  assert.deepEqual(await readdir(folder), ['gpu-check-cpu.json']);
});

test('bad options: exit code 2 and the usage', () => {
  for (const argv of [['--only', 'gpu'], ['--seconds', '0'], ['--fast'], ['--limit', 'soon']]) {
    const { status, stderr } = spawnSync(process.execPath, [repositoryPath('scripts/gpu-check.mjs'), ...argv], { encoding: 'utf8' });
    assert.equal(status, 2, stderr);
    assert.match(stderr, new RegExp(`^gpu-check: .*${argv[0]}`));
  }
});

const bundle = process.env['DCF_TEST_GPU_BUNDLE'];
const skip =
  bundle === undefined ? 'too large for every run: DCF_TEST_GPU_BUNDLE names the folder of a bundle (npm run gpu:bundle)' : false;

test('a bundle: pieces of less than 60 MiB, which run without Node and without this checkout', { skip, timeout: 600_000 }, async (t) => {
  const folder = await temporaryDirectory(t);
  const pieces = join(folder, 'pieces');
  const environment = { PATH: '/usr/bin:/bin', HOME: folder, TMPDIR: folder };
  await cp(bundle ?? '', pieces, { recursive: true });
  for (const name of await readdir(pieces)) assert.ok((await stat(join(pieces, name))).size < 60 * 2 ** 20, name);
  const argv = [join(pieces, 'run.py'), '--to', join(folder, 'unpacked'), '--only', 'cpu', '--quick'];
  const { stdout } = await run('/usr/bin/python3', argv, { env: environment, cwd: folder, maxBuffer: 2 ** 24 });
  verify(stdout);
  assert.ok(existsSync(join(folder, 'unpacked/libraries/libvulkan.so.1')));
});
