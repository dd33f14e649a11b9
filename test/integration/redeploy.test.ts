import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import type { DeployProgress } from '@dcf/sdk/control';
import { packFunction } from '@dcf/sdk/package';
import { temporaryDirectory } from '../support/cleanup.js';
import { startDaemon } from '../support/daemon.js';
import { answerOf, deploySource, echoSource, writeFunction } from '../support/functions.js';
import { shutGate } from '../support/gate.js';
import { eventually, processesIn } from '../support/processes.js';
import { runCli } from '../support/programs.js';

const owner = { after };
const daemon = await startDaemon(owner);

async function answer(name: string, input = ''): Promise<string> {
  return await answerOf(daemon, name, { input });
}

/** What a deploy had to send, in bytes. */
function uploadOf(progress: readonly DeployProgress[]): number | undefined {
  return progress.findLast((event) => event.kind === 'upload')?.total;
}

test('the same package again changes nothing, and its replica goes on', async () => {
  const folder = await writeFunction(owner, { name: 'same' }, { 'handler.ts': echoSource });
  const first = await runCli(['deploy', folder, '--json'], { url: daemon.url });
  const processes = async () => (await daemon.control.describe('same')).replicas.map(({ pid, startedAt }) => ({ pid, startedAt }));
  const before = await processes();
  const second = await runCli(['deploy', folder, '--json'], { url: daemon.url });
  assert.equal(first.code, 0, first.stderr);
  assert.equal(second.code, 0, second.stderr);
  const { changed, uploadedBytes }: { changed: boolean; uploadedBytes: number } = JSON.parse(second.stdout);
  assert.deepEqual({ changed, uploadedBytes }, { changed: false, uploadedBytes: 0 });
  assert.deepEqual(await processes(), before);
  const third = await runCli(['deploy', folder], { url: daemon.url });
  assert.match(third.stdout, /^same@[0-9a-f]+ was active already: nothing has changed/);
});

test('a deploy that asks for batches says so where the Handler takes none', async (t) => {
  const warnings: string[] = [];
  const onProgress = (progress: DeployProgress): void => {
    if (progress.kind === 'warning') warnings.push(progress.text);
  };
  await deploySource(t, daemon, 'one-by-one', echoSource, { batch: { maxSize: 8 }, onProgress });
  assert.deepEqual(warnings, ['batch.maxSize is 8, but the Handler has no callBatch: calls run one by one']);
  warnings.length = 0;
  const source = 'export class Handler { call() {} callBatch(requests) { return requests.map(() => "batched"); } }';
  await deploySource(t, daemon, 'together', source, { batch: { maxSize: 8 }, onProgress });
  assert.deepEqual(warnings, []);
  assert.equal(Buffer.from((await daemon.client.invoke('together', '')).output).toString(), 'batched');
});

test('weights that have not changed are not sent again, also of another function', async (t) => {
  const weights = 'w'.repeat(3_000_000);
  const progress: DeployProgress[] = [];
  const onProgress = (event: DeployProgress): void => void progress.push(event);
  const settings = { files: { 'weights.bin': weights }, resources: { weights: 'weights.bin' }, onProgress };
  await deploySource(t, daemon, 'heavy', "export class Handler { call() { return 'one'; } }", settings);
  assert.ok((uploadOf(progress) ?? 0) > weights.length);
  for (const [name, text] of [
    ['heavy', 'two'],
    ['heavier', 'three'],
  ] as const) {
    progress.length = 0;
    await deploySource(t, daemon, name, `export class Handler { call() { return '${text}'; } }`, settings);
    const sent = uploadOf(progress) ?? 0;
    assert.ok(sent > 0 && sent < 10_000, `${sent} bytes were sent`);
    assert.equal(await answer(name), text);
  }
});

test('calls during redeploys are all answered, by one revision or the other', async (t) => {
  const source = (text: string): string => `export class Handler { async call() { return '${text}'; } }`;
  await deploySource(t, daemon, 'moving', source('0'), { concurrency: 4 });
  let deploying = true;
  const answers: string[] = [];
  const caller = async (): Promise<void> => {
    while (deploying) answers.push(await answer('moving'));
  };
  const callers = Promise.all([caller(), caller(), caller(), caller()]);
  for (const text of ['1', '2', '3']) await deploySource(t, daemon, 'moving', source(text), { concurrency: 4 });
  deploying = false;
  await callers;
  assert.ok(answers.length > 10);
  assert.deepEqual(
    [...new Set(answers)].filter((text) => !['0', '1', '2', '3'].includes(text)),
    [],
  );
  assert.equal(await answer('moving'), '3');
  await eventually('only one replica is left', async () => processesIn(daemon.data).length === (await daemon.control.list()).length);
});

test('calls that wait when a revision is replaced are answered by the next one, in order; those that run are finished', async (t) => {
  const gate = await shutGate(t);
  const order = join(await temporaryDirectory(t), 'order');
  const source = (version: string): string => `import { appendFileSync } from 'node:fs';
export class Handler {
  async call(request: any) {
    appendFileSync(${JSON.stringify(order)}, request.text());
    if (request.text() === 'a') ${gate.wait}
    return ${JSON.stringify(version)};
  }
}`;
  await deploySource(t, daemon, 'queued', source('old'));
  const running = answer('queued', 'a');
  await eventually('it runs', async () => (await daemon.control.describe('queued')).running === 1);
  const waiting: Promise<string>[] = [];
  for (const input of ['b', 'c', 'd']) {
    waiting.push(answer('queued', input));
    await eventually(`${input} waits`, async () => {
      const { queued, running } = await daemon.control.describe('queued');
      return queued + running === waiting.length + 1;
    });
  }
  await deploySource(t, daemon, 'queued', source('new'));
  assert.deepEqual(await Promise.all(waiting), ['new', 'new', 'new']);
  await gate.open();
  assert.equal(await running, 'old');
  assert.equal(await readFile(order, 'utf8'), 'abcd');
});

test('a deploy of the very package that runs, but takes no calls, starts it anew', async (t) => {
  const folder = await temporaryDirectory(t);
  const [stuck, seen] = [join(folder, 'stuck'), join(folder, 'seen')];
  const source = `import { existsSync, writeFileSync } from 'node:fs';
export class Handler {
  init() {
    if (!existsSync(${JSON.stringify(stuck)})) return;
    writeFileSync(${JSON.stringify(seen)}, '');
    return new Promise<void>(() => undefined);
  }
  call(request: any) { if (request.text() === 'exit') process.exit(1); return 'fine'; }
}`;
  await deploySource(t, daemon, 'stuck', source);
  await writeFile(stuck, '');
  await assert.rejects(answer('stuck', 'exit'), { code: 'INTERNAL' });
  await eventually('its replica is built without end', () => existsSync(seen));
  await rm(stuck);
  const steps: string[] = [];
  const onProgress = (event: DeployProgress): void => void (event.kind === 'step' && event.done && steps.push(event.name));
  assert.equal((await deploySource(t, daemon, 'stuck', source, { onProgress })).changed, true);
  assert.deepEqual(steps, ['receive', 'prepare', 'start', 'switch']);
  assert.equal(await answer('stuck'), 'fine');
});

test('delete leaves no file, no blob, no log and no process', async (t) => {
  const own = await startDaemon(t);
  await deploySource(t, own, 'gone', "export class Handler { call() { console.log('a line'); return 'x'; } }", {
    files: { 'data.bin': 'only here' },
  });
  await own.client.invoke('gone', '');
  assert.equal((await runCli(['delete', 'gone', '--yes'], { url: own.url })).code, 0);
  await eventually('its process has ended', () => processesIn(own.data).length === 0);
  for (const folder of ['functions', 'blobs/sha256', 'logs', 'dependencies']) {
    assert.deepEqual(await readdir(join(own.data, folder)), [], folder);
  }
  assert.deepEqual(await own.control.list(), []);
  await assert.rejects(own.client.invoke('gone', ''), { code: 'NOT_FOUND' });
  await assert.rejects(own.control.delete('gone'), { code: 'NOT_FOUND' });
  await own.stop();
  const next = await startDaemon(t, { data: own.data });
  assert.deepEqual(await next.control.list(), []);
});

test('what package.json and its lock file name is installed once, and can be imported', async (t) => {
  const npm = promisify(execFile);
  const made = join(await temporaryDirectory(t), 'unit-of-length');
  await mkdir(made);
  await writeFile(
    join(made, 'package.json'),
    JSON.stringify({ name: 'unit-of-length', version: '1.2.3', type: 'module', main: 'index.js' }),
  );
  await writeFile(join(made, 'index.js'), "export const unit = 'furlong';\n");
  const source = "import { unit } from 'unit-of-length';\nexport class Handler { call() { return unit + VERSION; } }\n";
  const folder = await writeFunction(
    t,
    { name: 'dependent' },
    {
      'handler.ts': source.replace('VERSION', "' one'"),
      'package.json': JSON.stringify({ name: 'dependent', dependencies: { 'unit-of-length': 'file:vendor/unit-of-length-1.2.3.tgz' } }),
      'vendor/.keep': '',
    },
  );
  await npm('npm', ['pack', '--silent', '--pack-destination', join(folder, 'vendor')], { cwd: made });
  await npm('npm', ['install', '--package-lock-only', '--offline', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: folder });
  await daemon.control.deploy(await packFunction(folder));
  assert.equal(await answer('dependent'), 'furlong one');
  const installed = await readdir(join(daemon.data, 'dependencies'));
  assert.equal(installed.length, 1);
  const output: string[] = [];
  await writeFile(join(folder, 'handler.ts'), source.replace('VERSION', "' two'"));
  await daemon.control.deploy(await packFunction(folder), {
    onProgress: (event) => void (event.kind === 'output' && output.push(event.line)),
  });
  assert.equal(await answer('dependent'), 'furlong two');
  assert.deepEqual(await readdir(join(daemon.data, 'dependencies')), installed, 'the second revision shares what the first installed');
  assert.deepEqual(output, []);
});

test('dependencies that cannot be installed are refused with what npm says, and leave nothing', async (t) => {
  const folder = await writeFunction(
    t,
    { name: 'impossible' },
    {
      'handler.ts': echoSource,
      'package.json': JSON.stringify({ name: 'impossible', dependencies: { missing: 'file:vendor/missing-1.0.0.tgz' } }),
      'package-lock.json': JSON.stringify({
        name: 'impossible',
        lockfileVersion: 3,
        requires: true,
        packages: {
          '': { name: 'impossible', dependencies: { missing: 'file:vendor/missing-1.0.0.tgz' } },
          'node_modules/missing': { version: '1.0.0', resolved: 'file:vendor/missing-1.0.0.tgz' },
        },
      }),
    },
  );
  const before = await readdir(join(daemon.data, 'dependencies'));
  const { code, stderr } = await runCli(['deploy', folder], { url: daemon.url });
  assert.equal(code, 1);
  assert.match(stderr, /missing-1\.0\.0\.tgz/);
  assert.match(stderr, /impossible is not deployed, and was not before/);
  assert.deepEqual(await readdir(join(daemon.data, 'dependencies')), before);
  assert.ok(!(await readdir(join(daemon.data, 'functions'))).includes('impossible'));
});
