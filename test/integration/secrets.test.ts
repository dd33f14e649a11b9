import assert from 'node:assert/strict';
import { readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { DeployProgress } from '@dcf/sdk/control';
import { sandboxSupport } from '../../src/process/sandbox-support.js';
import { startDaemon, type TestDaemon } from '../support/daemon.js';
import { answerOf, deploySource, logOf, writeFunction } from '../support/functions.js';
import { eventually } from '../support/processes.js';
import { runCli } from '../support/programs.js';

const key = 'k3y-of-the-api-0815';
const certificate = '-----BEGIN CERTIFICATE-----\nbm90IHJlYWxseSBvbmU=\n-----END CERTIFICATE-----\n';

const source = `import { readFileSync, statSync } from 'node:fs';
declare const process: any;
export class Handler {
  constructor() { console.log('built with ' + process.env.API_KEY); }
  call(request: any) {
    const { API_KEY, CERTIFICATE_FILE = '' } = process.env;
    switch (request.text()) {
      case 'key': return API_KEY;
      case 'file': return readFileSync(CERTIFICATE_FILE);
      case 'mode': return (statSync(CERTIFICATE_FILE).mode & 0o777).toString(8);
      case 'say':
        console.log('my key is ' + API_KEY);
        console.error(readFileSync(CERTIFICATE_FILE, 'utf8'));
        return 'said';
      case 'throw': throw new Error('no access with ' + API_KEY);
      default: return process.exit(3);
    }
  }
}
`;
const support = await sandboxSupport();
const skip = support.usable ? false : `no sandboxes here: ${support.detail}`;
const wanted = ['API_KEY', { name: 'CERTIFICATE', file: true }];

async function answer(daemon: TestDaemon, input: string, name = 'keyed'): Promise<string> {
  return await answerOf(daemon, name, { input });
}

async function set(daemon: TestDaemon, name: string, value: string, ...more: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli(['secret', 'set', name, ...more], { url: daemon.url, input: value });
  assert.equal(code, 0, stderr);
  return stdout;
}

async function wholeLog(daemon: TestDaemon, name = 'keyed'): Promise<string> {
  return (await logOf(daemon, name)).join('\n');
}

/** The files below a folder in which a value stands, as it is or in base64. */
async function filesWith(folder: string, value: string): Promise<string[]> {
  const forms = [value, value.trim().split('\n')[1] ?? value, Buffer.from(value).toString('base64')];
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const found: string[] = [];
  for (const entry of entries.filter((candidate) => candidate.isFile())) {
    const content = await readFile(join(entry.parentPath, entry.name), 'latin1');
    if (forms.some((form) => content.includes(form))) found.push(join(entry.parentPath, entry.name).slice(folder.length + 1));
  }
  return found.sort();
}

async function deployed(t: TestContext): Promise<TestDaemon> {
  const daemon = await startDaemon(t, { args: ['--log-level', 'debug'] });
  await set(daemon, 'API_KEY', `${key}\n`);
  await set(daemon, 'CERTIFICATE', certificate);
  await deploySource(t, daemon, 'keyed', source, { secrets: wanted });
  return daemon;
}

test('a Handler gets its secrets, as a variable and as a file, also after a restart; the file goes with the daemon', async (t) => {
  const first = await deployed(t);
  for (const daemon of [first, undefined]) {
    const running = daemon ?? (await startDaemon(t, { data: first.data }));
    assert.equal(await answer(running, 'key'), key);
    assert.equal(await answer(running, 'file'), certificate);
    assert.equal(await answer(running, 'mode'), '600');
    assert.equal(await running.stop(), 0);
    assert.deepEqual(await readdir(join(first.data, 'run/secrets')), []);
  }
});

test('in a sandbox a Handler has its secrets, and does not see where the daemon keeps all of them', { skip }, async (t) => {
  const daemon = await startDaemon(t);
  await set(daemon, 'API_KEY', key);
  await set(daemon, 'CERTIFICATE', certificate);
  const files = JSON.stringify(join(daemon.data, 'secrets'));
  const handler = source.replace("case 'mode':", `case 'all': return String(existsSync(${files}));\n      case 'mode':`);
  const manifest = { secrets: wanted, isolation: 'sandbox' } as const;
  await deploySource(t, daemon, 'keyed', handler.replace('{ readFileSync', '{ existsSync, readFileSync'), manifest);
  assert.deepEqual([await answer(daemon, 'key'), await answer(daemon, 'file')], [key, certificate]);
  assert.equal(await answer(daemon, 'all'), 'false');
});

test('what a daemon that was killed has left of files with secrets goes at the next start', async (t) => {
  const first = await deployed(t);
  await first.stop('SIGKILL');
  const files = join(first.data, 'run/secrets');
  assert.equal((await filesWith(files, certificate)).length, 1);
  await rename(join(files, 'keyed'), join(files, 'gone'));
  const second = await startDaemon(t, { data: first.data });
  assert.deepEqual(await readdir(files), ['keyed']);
  assert.equal((await filesWith(files, certificate)).length, 1);
  await second.control.delete('keyed');
  assert.deepEqual(await readdir(files), []);
});

test('no value is anywhere but in its own file: not in logs, stacks, errors, describe, list or the data directory', async (t) => {
  const daemon = await deployed(t);
  await answer(daemon, 'say');
  await assert.rejects(daemon.client.invoke('keyed', 'throw'), { code: 'UNKNOWN', message: 'no access with ***' });
  await eventually('the log has it all', async () => /my key is \*{3}\n(.*\n)*Error: no access with \*{3}/.test(await wholeLog(daemon)));
  assert.match(await wholeLog(daemon), /built with \*{3}\n/);
  const seen: DeployProgress[] = [];
  const failing = `declare const process: any;
export class Handler { init() { throw new Error('refused: ' + process.env.API_KEY); } call() { return ''; } }`;
  const onProgress = (progress: DeployProgress): void => void seen.push(progress);
  await assert.rejects(deploySource(t, daemon, 'keyed', failing, { secrets: wanted, onProgress }), {
    code: 'FAILED_PRECONDITION',
    message: /refused: \*{3}/,
  });
  assert.match(JSON.stringify(seen), /Error: refused: \*{3}/);
  const { stdout: described } = await runCli(['describe', 'keyed', '--json'], { url: daemon.url });
  const { stdout: listed } = await runCli(['secret', 'list', '--json'], { url: daemon.url });
  assert.deepEqual(
    JSON.parse(listed).map((secret: { name: string }) => secret.name),
    ['API_KEY', 'CERTIFICATE'],
  );
  for (const text of [await wholeLog(daemon), JSON.stringify(seen), described, listed]) {
    for (const value of [key, 'bm90IHJlYWxseSBvbmU=']) assert.ok(!text.includes(value), text);
  }
  const [file = '', ...others] = await filesWith(daemon.data, certificate);
  assert.match(file, /^run\/secrets\/keyed\/[0-9a-f]{16}\.\d+\/CERTIFICATE$/);
  assert.deepEqual([others, await filesWith(daemon.data, `${key}\n`)], [['secrets/CERTIFICATE'], ['secrets/API_KEY']]);
  await daemon.stop();
  assert.deepEqual(await filesWith(daemon.data, key), []);
  assert.ok(!daemon.log().includes(key), daemon.log());
});

test('a replica that cannot be built any more is described without the secret that its Handler showed', async (t) => {
  const daemon = await startDaemon(t);
  await set(daemon, 'API_KEY', 'valid-key-of-the-api');
  const picky = `declare const process: any;
export class Handler {
  init() { if (process.env.API_KEY.startsWith('revoked')) throw new Error('refused: ' + process.env.API_KEY); }
  call() { process.exit(3); }
}`;
  await deploySource(t, daemon, 'keyed', picky, { secrets: ['API_KEY'] });
  await set(daemon, 'API_KEY', 'revoked-key-of-the-api');
  await assert.rejects(answer(daemon, ''), { code: 'INTERNAL' });
  await eventually('its next replica has failed', async () => /refused/.test((await daemon.control.describe('keyed')).lastFailure));
  const { summary, lastFailure } = await daemon.control.describe('keyed');
  assert.match(summary?.reason ?? '', /refused: \*{3}/);
  assert.match(lastFailure, /refused: \*{3}/);
  await assert.rejects(answer(daemon, ''), { code: 'FAILED_PRECONDITION', message: /refused: \*{3}/ });
  await daemon.stop();
  const second = await startDaemon(t, { data: daemon.data });
  assert.match(second.log(), /keyed could not be started again: .*refused: \*{3}/);
  assert.ok(!second.log().includes('revoked-key'), second.log());
});

test('a change is for replicas that start after it: one that is restarted, or a deploy of the very same package', async (t) => {
  const daemon = await deployed(t);
  const said = await set(daemon, 'API_KEY', 'another-key-0816');
  assert.match(said, /keyed still runs with the value before: deploy it again to replace the replicas/);
  assert.equal(await answer(daemon, 'key'), key);
  await assert.rejects(answer(daemon, 'exit'), { code: 'INTERNAL' });
  assert.equal(await answer(daemon, 'key'), 'another-key-0816');
  await daemon.control.deleteSecret('API_KEY');
  await assert.rejects(answer(daemon, 'exit'), { code: 'INTERNAL' });
  await eventually('no replica can start', async () => /no secret API_KEY/.test((await daemon.control.describe('keyed')).lastFailure));
  await set(daemon, 'API_KEY', 'third-key-0817');
  await eventually('the next start is tried', async () => (await daemon.control.list())[0]?.state === 'ready');
  assert.equal(await answer(daemon, 'key'), 'third-key-0817');
  await set(daemon, 'API_KEY', 'fourth-key-0818');
  assert.equal((await deploySource(t, daemon, 'keyed', source, { secrets: wanted })).changed, true);
  assert.equal(await answer(daemon, 'key'), 'fourth-key-0818');
  assert.equal((await deploySource(t, daemon, 'keyed', source, { secrets: wanted })).changed, false);
});

test('a secret that is not there, or not for this function, fails the deploy, and at a start that function alone', async (t) => {
  const daemon = await startDaemon(t);
  const folder = await writeFunction(t, { name: 'keyed', secrets: ['API_KEY'] }, { 'handler.ts': source });
  const refused = await runCli(['deploy', folder], { url: daemon.url });
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /FAILED_PRECONDITION: there is no secret API_KEY, which keyed needs: set it with dcf secret set API_KEY/);
  await set(daemon, 'API_KEY', key, '--function', 'other');
  assert.match((await runCli(['deploy', folder], { url: daemon.url })).stderr, /API_KEY is only for the function other, and not for keyed/);
  await daemon.control.deleteSecret('API_KEY');
  await set(daemon, 'API_KEY', key, '--function', 'keyed');
  assert.equal((await runCli(['deploy', folder], { url: daemon.url })).code, 0);
  await deploySource(t, daemon, 'open', "export class Handler { call() { return 'open'; } }");
  const { stdout } = await runCli(['secret', 'delete', 'API_KEY'], { url: daemon.url });
  assert.equal(stdout, 'API_KEY is deleted\nkeyed still runs with it, but its next replicas cannot start without it\n');
  assert.equal(await answer(daemon, 'key'), key);
  await daemon.stop();
  const second = await startDaemon(t, { data: daemon.data });
  assert.equal(await answer(second, '', 'open'), 'open');
  await assert.rejects(second.client.invoke('keyed', ''), { code: 'FAILED_PRECONDITION', message: /there is no secret API_KEY/ });
});
