import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import type { DeployProgress } from '@dcf/sdk/control';
import { temporaryDirectory } from '../support/cleanup.js';
import { startDaemon } from '../support/daemon.js';
import { deploySource, writeFunction } from '../support/functions.js';
import { runCli, spawnCli } from '../support/programs.js';

const owner = { after };
const daemon = await startDaemon(owner);

/** Prints, and is built once the file `go` is there. */
const waiting = (go: string): string => `
import { existsSync, watch } from 'node:fs';
import { dirname } from 'node:path';
export class Handler {
  constructor(context) { this.context = context; }
  async init() {
    console.log('reading the weights');
    this.context.logger.info('from the logger');
    await new Promise((resolve) => {
      const watcher = watch(dirname(${JSON.stringify(go)}), check);
      function check() { if (existsSync(${JSON.stringify(go)})) { watcher.close(); resolve(); } }
      check();
    });
  }
  call() { return 'called'; }
}`;

test('what a Handler prints while it starts is shown as it comes', async (t) => {
  const go = join(await temporaryDirectory(t), 'go');
  const folder = await writeFunction(t, { name: 'slow' }, { 'handler.ts': waiting(go) });
  const child = spawnCli(['deploy', folder], { url: daemon.url });
  child.stdin.end();
  const shown: string[] = [];
  for await (const line of createInterface(child.stderr)) {
    shown.push(line);
    // It can only go on, and so the test end, when the line is here before the deploy is done.
    if (line === '  | from the logger') await writeFile(go, '');
  }
  assert.deepEqual(
    shown.filter((line) => line.startsWith('  |')),
    ['  | reading the weights', '  | from the logger'],
  );
});

test('what a Handler prints once it is ready is not of its deploy', async (t) => {
  const source = `export class Handler {
    init() { setInterval(() => { for (let line = 0; line < 5; line++) console.log('on and on'); }, 1); }
    call() { return ''; }
  }`;
  const seen: DeployProgress[] = [];
  await deploySource(t, daemon, 'talks', source, { onProgress: (progress) => seen.push(progress) });
  const ready = seen.findIndex((progress) => progress.kind === 'step' && progress.name === 'start' && progress.done);
  assert.ok(ready > 0, JSON.stringify(seen));
  assert.equal(seen.slice(ready).filter(({ kind }) => kind === 'output').length, 0);
});

/** Stands still, the whole process with it, until the file is there; whether it came within a minute. */
function appears(path: string): boolean {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  for (let turn = 0; turn < 3_000 && !existsSync(path); turn++) Atomics.wait(cell, 0, 0, 20);
  return existsSync(path);
}

const failing = [
  {
    what: 'whose init hangs',
    name: 'hangs',
    manifest: { initTimeout: '1s' },
    body: 'await new Promise(() => undefined);',
    message: /it was not ready within initTimeout, which is 1 s\n/,
    logged: /failed: the Handler could not be built: it was not ready within initTimeout, which is 1 s\n/,
  },
  {
    what: 'whose init throws',
    name: 'throws',
    manifest: {},
    body: "throw new Error('no weights in 42');",
    message: /could not be built: no weights in 42\n {2}Error: no weights in 42\n {6}at /,
    logged: /failed: the Handler could not be built: no weights in 42\nError: no weights in 42\n {4}at /,
  },
  {
    what: 'that ends its process',
    name: 'exits',
    manifest: {},
    body: 'process.exit(3);',
    message: /could not be built: it exited with code 3\n/,
    logged: /failed: the Handler could not be built: it exited with code 3\n/,
  },
];

for (const { what, name, manifest, body, message, logged } of failing) {
  test(`a first deploy of a Handler ${what}: what it printed is shown once, and is in its log afterwards`, async (t) => {
    const source = `export class Handler {
      async init() {
        console.log('reading the weights');
        console.error('careful');
        await new Promise((resolve) => process.stderr.write('half a line', resolve));
        ${body}
      }
      call() { return ''; }
    }`;
    const folder = await writeFunction(t, { name, ...manifest }, { 'handler.ts': source });
    const { code, stderr } = await runCli(['deploy', folder], { url: daemon.url });
    assert.equal(code, 1);
    assert.match(stderr, message);
    for (const line of ['reading the weights', 'careful', 'half a line'])
      assert.equal(stderr.split(line).length, 2, `${line} in ${stderr}`);
    const [, command = '', revision = ''] = /^The output of the Handler: dcf (logs \S+ --revision (\S+))$/m.exec(stderr) ?? [];
    const { code: read, stdout } = await runCli(command.split(' '), { url: daemon.url });
    assert.equal(read, 0);
    for (const line of ['reading the weights', 'careful', 'half a line'])
      assert.match(stdout, new RegExp(`r1w0@${revision.slice(0, 8)} ${line}\n`));
    assert.match(stdout, logged);
    assert.deepEqual((await runCli(['logs', name, '--revision', '0000'], { url: daemon.url })).stdout, '');
    const listed = (await daemon.control.list()).map((summary) => summary.name);
    assert.ok(!listed.includes(name), 'it is not deployed');
  });
}

test('a log tells two revisions apart, by id, by its beginning and by alias', async (t) => {
  const source = (version: number): string => `export class Handler { call() { console.log('version ${version}'); return ''; } }`;
  const first = await deploySource(t, daemon, 'twice', source(1), { rollout: { alias: 'old' } });
  await daemon.client.invoke('twice', '');
  const second = await deploySource(t, daemon, 'twice', source(2));
  await daemon.client.invoke('twice', '');
  const lines = async (...query: string[]): Promise<string[]> => {
    const { stdout } = await runCli(['logs', 'twice', ...query], { url: daemon.url });
    return [...stdout.matchAll(/ (r1w0@\w+) \S+ (version \d)$/gm)].map(([, place, text]) => `${place} ${text}`);
  };
  const one = `r1w0@${first.revision.slice(0, 8)} version 1`;
  const two = `r1w0@${second.revision.slice(0, 8)} version 2`;
  assert.deepEqual(await lines(), [one, two]);
  for (const revision of [first.revision, first.revision.slice(0, 4), 'old']) assert.deepEqual(await lines('--revision', revision), [one]);
  assert.deepEqual(await lines('--revision', second.revision), [two]);
});

test('a Handler that prints very much while it starts is not held up by a client that reads nothing of it', async (t) => {
  const deployed = join(daemon.data, 'functions', 'noisy', 'function.json');
  const source = `export class Handler {
    init() {
      for (let line = 0; line < 50000; line++) console.log('x'.repeat(200) + line);
    }
    call() { return ''; }
  }`;
  const lines: string[] = [];
  let withoutReader = false;
  await deploySource(t, daemon, 'noisy', source, {
    onProgress: (progress) => {
      if (progress.kind !== 'output') return;
      lines.push(progress.line);
      // This process reads nothing until the function is deployed.
      if (lines.length === 1) withoutReader = appears(deployed);
    },
  });
  assert.ok(withoutReader, 'it was deployed meanwhile');
  const [, leftOut = ''] = /^lines left out here: (\d+); "dcf logs" shows them$/.exec(lines.at(-1) ?? '') ?? [];
  assert.ok(Number(leftOut) > 0, lines.at(-1));
});

test('the log of a function that was never deployed can be removed, and then there is none', async (t) => {
  const source = "export class Handler { constructor() { throw new Error('never'); } call() { return ''; } }";
  await assert.rejects(deploySource(t, daemon, 'never', source), { code: 'FAILED_PRECONDITION' });
  await daemon.control.delete('never');
  const { code, stderr } = await runCli(['logs', 'never'], { url: daemon.url });
  assert.equal(code, 1);
  assert.match(stderr, /NOT_FOUND: there is no function never/);
});
