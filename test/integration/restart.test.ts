import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../support/cleanup.js';
import { runDaemon, startDaemon, type TestDaemon } from '../support/daemon.js';
import { answerOf, deploySource, echoSource } from '../support/functions.js';
import { shutGate } from '../support/gate.js';
import { misbehavingSource } from '../support/misbehaving.js';
import { eventually, processesIn } from '../support/processes.js';

async function answer(daemon: TestDaemon, name: string, input: string): Promise<string> {
  return await answerOf(daemon, name, { input });
}

/** Begins a call and resolves when its Handler runs; `outcome` is its output, or the error's code. */
async function beginCall(daemon: TestDaemon, name: string, input: string): Promise<{ outcome: Promise<string> }> {
  const requestId = `call-${input}`;
  const outcome = daemon.client.invoke(name, input, { requestId }).then(
    ({ output }) => Buffer.from(output).toString(),
    (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error)),
  );
  const logs = daemon.control.logs({ name, follow: true, callId: requestId });
  await logs.next();
  await logs.return();
  return { outcome };
}

async function noStaging(data: string): Promise<void> {
  const entries = await readdir(join(data, 'functions'), { recursive: true });
  assert.deepEqual(
    entries.filter((entry) => entry.includes('.staging-') || entry.endsWith('.tmp')),
    [],
  );
}

test('counts of calls go on after a restart, those of each revision and of revisions that are gone', async (t) => {
  const first = await startDaemon(t);
  const source = (version: number): string =>
    `export class Handler { call(request) { if (request.text() === 'bad') throw new Error('bad'); return '${version}'; } }`;
  for (let version = 1; version <= 7; version++) {
    await deploySource(t, first, 'counted', source(version));
    await answer(first, 'counted', 'good');
  }
  await assert.rejects(answer(first, 'counted', 'bad'));
  const before = await first.control.describe('counted');
  assert.deepEqual([before.summary?.calls, before.summary?.errors, before.revisions.length], [8, 1, 5]);
  await first.stop();
  const second = await startDaemon(t, { data: first.data });
  const counts = async () => {
    const { summary, revisions } = await second.control.describe('counted');
    return { calls: summary?.calls, errors: summary?.errors, revisions: revisions.map(({ calls, errors }) => [calls, errors]) };
  };
  const old = before.revisions.map(({ calls, errors }) => [calls, errors]);
  assert.deepEqual(await counts(), { calls: 8, errors: 1, revisions: old });
  await answer(second, 'counted', 'good');
  assert.deepEqual(await counts(), { calls: 9, errors: 1, revisions: [...old.slice(0, -1), [3, 1]] });
  await second.control.delete('counted');
  await deploySource(t, second, 'counted', source(1));
  assert.deepEqual(await counts(), { calls: 0, errors: 0, revisions: [[0, 0]] });
});

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  test(`functions come back after ${signal}, each with its revision, parameters and resources`, async (t) => {
    const first = await startDaemon(t);
    const source = `import { readFileSync } from 'node:fs';
export class Handler {
  weights = '';
  constructor(readonly context: any) {}
  init() { this.weights = readFileSync(this.context.resources.weights, 'utf8'); }
  call() { return [this.weights, this.context.parameters.unit, this.context.revision]; }
}`;
    const files = { 'weights.bin': 'w'.repeat(100_000) };
    const parameters = { unit: 'mm' };
    const { revision } = await deploySource(t, first, 'weighty', source, { files, parameters, resources: { weights: 'weights.bin' } });
    await deploySource(t, first, 'echo', echoSource);
    const expected = JSON.stringify(['w'.repeat(100_000), 'mm', revision]);
    assert.equal(await answer(first, 'weighty', ''), expected);
    assert.equal(await first.stop(signal), signal === 'SIGTERM' ? 0 : 'SIGKILL');
    const second = await startDaemon(t, { data: first.data });
    assert.equal(await answer(second, 'weighty', ''), expected);
    assert.equal(await answer(second, 'echo', 'hello'), 'hello');
    assert.deepEqual(
      (await second.control.list()).map(({ name, state }) => [name, state]),
      [
        ['echo', 'ready'],
        ['weighty', 'ready'],
      ],
    );
    await noStaging(first.data);
  });
}

test('a function that does not come back stops no other', async (t) => {
  const first = await startDaemon(t);
  const flag = join(await temporaryDirectory(t), 'flag');
  const source = `import { existsSync, writeFileSync } from 'node:fs';
export class Handler {
  init() { if (existsSync(${JSON.stringify(flag)})) throw new Error('only once'); writeFileSync(${JSON.stringify(flag)}, ''); }
  call() { return 'ok'; }
}`;
  await deploySource(t, first, 'once', source);
  await deploySource(t, first, 'echo', echoSource);
  await first.stop();
  const second = await startDaemon(t, { data: first.data });
  assert.equal(await answer(second, 'echo', 'hello'), 'hello');
  await assert.rejects(second.client.invoke('once', ''), { code: 'FAILED_PRECONDITION', message: /only once/ });
  assert.match(second.log(), /once could not be started again: .*only once/);
});

test('SIGKILL of the daemon leaves no replica behind, not even one that spins', async (t) => {
  const daemon = await startDaemon(t);
  await deploySource(t, daemon, 'spinner', misbehavingSource, { timeout: '5m' });
  await deploySource(t, daemon, 'idle', echoSource, { replicas: { min: 2 } });
  const { outcome } = await beginCall(daemon, 'spinner', 'spin');
  const replicas = processesIn(daemon.data);
  if (process.platform === 'linux') assert.equal(replicas.length, 3);
  assert.equal(await daemon.stop('SIGKILL'), 'SIGKILL');
  assert.notEqual(await outcome, 'OK');
});

test('SIGTERM finishes the calls in flight, takes no new one, and ends with 0', async (t) => {
  const daemon = await startDaemon(t);
  const gate = await shutGate(t);
  const source = `export class Handler {
  async call(request: any) {
    if (request.text() === 'quick') return 'quick';
    process.stdout.write('begun\\n');
    ${gate.wait}
    return 'finished';
  }
}`;
  await deploySource(t, daemon, 'patient', source, { concurrency: 4 });
  const inFlight = daemon.client.invoke('patient', '');
  inFlight.catch(() => undefined);
  await eventually('the call runs', async () => (await daemon.control.describe('patient')).running === 1);
  process.kill(daemon.pid, 'SIGTERM');
  await eventually('it takes no new calls', async () => {
    const code = await daemon.client.invoke('patient', 'quick', { timeout: 1000 }).then(
      () => 'OK',
      (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
    );
    return code === 'UNAVAILABLE' || code === 'DEADLINE_EXCEEDED';
  });
  await gate.open();
  assert.equal(Buffer.from((await inFlight).output).toString(), 'finished');
  assert.equal(await daemon.ended, 0);
});

test('a call that does not end within --drain-grace is ended with its replica, and the daemon still ends with 0', async (t) => {
  const daemon = await startDaemon(t, { args: ['--drain-grace', '200ms'] });
  await deploySource(t, daemon, 'spinner', misbehavingSource, { timeout: '1h' });
  await beginCall(daemon, 'spinner', 'spin');
  assert.equal(await daemon.stop(), 0);
});

test('a second signal ends the daemon at once, and every replica with it', async (t) => {
  const daemon = await startDaemon(t, { args: ['--drain-grace', '1h'] });
  await deploySource(t, daemon, 'spinner', misbehavingSource, { timeout: '1h' });
  await beginCall(daemon, 'spinner', 'spin');
  process.kill(daemon.pid, 'SIGTERM');
  await eventually('it says that it stops', () => /a second signal ends the daemon at once/.test(daemon.log()));
  assert.equal(await daemon.stop('SIGINT'), 1);
});

test('SIGTERM while functions are being restored ends with 0 and leaves no process', async (t) => {
  const first = await startDaemon(t);
  const source = `import { existsSync, writeFileSync } from 'node:fs';
export class Handler {
  init() {
    if (!existsSync('built-once')) return writeFileSync('built-once', '');
    process.stdout.write('slow start\\n');
    return new Promise<void>(() => undefined);
  }
  call() { return 'ok'; }
}`;
  await deploySource(t, first, 'slow', source);
  await first.stop();
  const { child, ended, wrote, log } = runDaemon(t, ['--data', first.data, '--grpc', '127.0.0.1:0', '--drain-grace', '200ms']);
  await wrote(/listens on/);
  await eventually('the replica is there', () => process.platform !== 'linux' || processesIn(first.data).length > 0);
  child.kill('SIGTERM');
  assert.equal(await ended, 0, log());
  await eventually('no process is left', () => processesIn(first.data).length === 0);
});
