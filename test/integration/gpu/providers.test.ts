import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { InferenceSession } from 'onnxruntime-node';
import { probeModel } from '../../../src/gpu/probe-model.js';
import { probeInThisProcess, probeProviders } from '../../../src/gpu/providers.js';

// The runtime reports its use to its makers unless it is told not to before its first session.
process.env['ORT_DISABLE_TELEMETRY'] = '1';

describe('probeProviders', () => {
  let folder = '';

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dcf-probe-'));
  });
  after(() => rm(folder, { recursive: true }));

  async function entry(name: string, code: string): Promise<string> {
    const path = join(folder, `${name}.mjs`);
    await writeFile(path, code);
    return path;
  }

  test('finds the CPU usable, with a session that really ran', async () => {
    const [cpu, ...others] = await probeProviders(['cpu']);
    assert.equal(others.length, 0);
    assert.equal(cpu?.usable, true);
    assert.match(cpu?.detail ?? '', /^ONNX Runtime \d+\.\d+\.\d+: a first session ran after \d+ ms$/);
  });

  test('gives each unusable provider one line that says why', async () => {
    const probes = await probeProviders();
    assert.deepEqual(
      probes.map((probe) => probe.name),
      ['tensorrt', 'cuda', 'webgpu', 'cpu'],
    );
    for (const { usable, detail } of probes) {
      assert.doesNotMatch(detail, /\n/);
      assert.notEqual(detail, '');
      if (!usable) assert.match(detail, /missing|not on this host|finds no GPU|software adapter|no answer|crashed/);
    }
  });

  test('says of a process that a signal ended how it ended', async () => {
    const crash = await entry('crash', `process.stderr.write('driver fell over\\n', () => process.kill(process.pid, 'SIGKILL'));`);
    const [probe] = await probeProviders(['cuda'], { entry: crash });
    assert.deepEqual(probe, { name: 'cuda', usable: false, detail: 'its process crashed (signal SIGKILL): driver fell over' });
  });

  test('says of a process that left without an answer how it left', async () => {
    const [probe] = await probeProviders(['cuda'], { entry: await entry('leave', 'process.exit(7);') });
    assert.equal(probe?.detail, 'its process crashed (exit code 7)');
  });

  test('kills a process that does not answer', async () => {
    const hang = await entry(
      'hang',
      `import { writeFileSync } from 'node:fs'; writeFileSync(process.argv[1] + '.pid', String(process.pid)); for (;;);`,
    );
    const [probe] = await probeProviders(['webgpu'], { entry: hang, timeLimitMs: 1000 });
    assert.deepEqual(probe, { name: 'webgpu', usable: false, detail: 'no answer within 1 s' });
    const pid = await readFile(`${hang}.pid`, 'utf8').catch(() => undefined);
    if (pid !== undefined) assert.throws(() => process.kill(Number(pid), 0), { code: 'ESRCH' });
  });

  test('takes only a report for a report', async () => {
    const [probe] = await probeProviders(['cuda'], { entry: await entry('nonsense', `process.send({ usable: 'perhaps' });`) });
    assert.equal(probe?.usable, false);
    assert.match(probe?.detail ?? '', /crashed/);
  });

  test('runs one process at a time', async () => {
    const running = join(folder, 'running');
    const code = `
      import { existsSync, rmSync, writeFileSync } from 'node:fs';
      const overlap = existsSync(${JSON.stringify(running)});
      writeFileSync(${JSON.stringify(running)}, '');
      setTimeout(() => {
        rmSync(${JSON.stringify(running)});
        process.send({ usable: true, detail: overlap ? 'two at once' : 'alone' });
      }, 20);`;
    const probes = await probeProviders(['tensorrt', 'cuda', 'webgpu', 'cpu'], { entry: await entry('alone', code) });
    assert.deepEqual(
      probes.map((probe) => probe.detail),
      ['alone', 'alone', 'alone', 'alone'],
    );
    assert.equal((await readdir(folder)).includes('running'), false);
  });
});

describe('probeInThisProcess', () => {
  test('reports a provider that does not exist', async () => {
    const report = await probeInThisProcess('abacus');
    assert.ok(!report.usable);
    assert.match(report.message, /abacus/);
  });

  test('relies on an option that this ONNX Runtime obeys: no node may fall back to the CPU', async () => {
    const bytes = Buffer.from(probeModel, 'base64');
    const options = { executionProviders: ['cpu'], logSeverityLevel: 4 } as const;
    await (await InferenceSession.create(bytes, options)).release();
    const strict = InferenceSession.create(bytes, { ...options, extra: { session: { disable_cpu_ep_fallback: '1' } } });
    await assert.rejects(strict, /fallback to CPU EP has been explicitly disabled/);
  });
});
