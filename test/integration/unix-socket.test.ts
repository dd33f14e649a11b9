import assert from 'node:assert/strict';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { Client, dcf } from '@dcf/sdk';
import { cleanUp, temporaryDirectory } from '../support/cleanup.js';
import { runDaemon, startDaemon, type TestDaemon } from '../support/daemon.js';
import { deploySource, echoSource } from '../support/functions.js';
import { runCli } from '../support/programs.js';
import { runPython, tellingPrelude, withoutPython } from '../support/python.js';
import { runTool } from '../support/wire/run-tool.js';
import { wireTool } from '../support/wire-tools.js';

const owner = { after };
const folder = await temporaryDirectory(owner);
// A character that a URI has to encode.
const path = join(folder, 'd%20cf.sock');
const daemon = await startDaemon(owner, { args: ['--grpc', `unix:${path}`] });
await deploySource(owner, daemon, 'echo', echoSource);
/** A proxy that is not there. */
const proxied = { grpc_proxy: 'http://127.0.0.1:1', no_proxy: '' };

async function served(t: TestContext, { url }: TestDaemon, text: string): Promise<void> {
  const client = new Client(url);
  cleanUp(t, () => client.close());
  assert.equal(Buffer.from((await client.invoke('echo', text)).output).toString(), text);
}

test('the SDK calls a daemon at its Unix socket, which only its user may use', async (t) => {
  assert.equal(daemon.url, `unix:${path}`);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  await served(t, daemon, 'over the socket');
  assert.equal(Buffer.from(await dcf(`unix://${path}`, 'echo', 'x')).toString(), 'x');
  const large = Buffer.alloc(8 << 20, 7);
  assert.deepEqual(Buffer.from((await daemon.client.invoke('echo', large)).output), large);
});

test('the commands take it as their URL, and no proxy gets in between', async () => {
  const called = await runCli(['invoke', 'echo', '--data', 'x'], { url: daemon.url, environment: proxied });
  assert.deepEqual([called.code, called.stdout.trim()], [0, 'x'], called.stderr);
  const listed = await runCli(['list', '--url', `unix://${path}`], { environment: proxied });
  assert.equal(listed.code, 0, listed.stderr);
  assert.match(listed.stdout, /echo/);
  const seen = await runCli(['doctor'], { url: daemon.url });
  assert.match(seen.stdout, new RegExp(`ok +daemon +\\S+ at unix:${path}, process ${daemon.pid}`));
  const nobody = await runCli(['list'], { url: `unix:${folder}/none.sock` });
  assert.match(
    nobody.stderr,
    /no DCF daemon answers at unix:.*\/none\.sock: there is no such socket\. Start one with dcfd, or set DCF_URL/,
  );
  const wrong = await runCli(['list'], { url: 'unix:none.sock' });
  assert.deepEqual([wrong.code, /write unix:\/PATH/.test(wrong.stderr)], [2, true], wrong.stderr);
});

test('the Python client takes it, too', { skip: withoutPython('grpc') }, async () => {
  const program = `
def refused(make):
    return tried(make)[1]
tell([
    dcf(url, 'echo', 'x'), Client(url).invoke('echo', bytes(1000)).output == bytes(1000),
    refused(lambda: Client(url, tls=True)), refused(lambda: Client('unix:none')), refused(lambda: Client('unix:/' + 'x' * 107)),
    refused(lambda: Client('unix:/nowhere/none.sock').invoke('echo')),
])`;
  const told = await runPython(tellingPrelude + program, { args: [daemon.url], environment: proxied });
  assert.deepEqual(told, [
    'x',
    true,
    `${daemon.url} is a Unix socket, which has no TLS: leave tls out`,
    "'unix:none' is not a URL of a DCF daemon: write unix:/PATH, an absolute path without blanks, such as unix:/run/dcf/dcf.sock",
    `'unix:/${'x'.repeat(107)}' is not a URL of a DCF daemon: its path has 108 bytes, and a Unix socket's has at most 107`,
    'no DCF daemon answers at unix:/nowhere/none.sock: there is no such socket. Start one with dcfd, or set DCF_URL',
  ]);
});

const probe = await wireTool('grpc-health-probe');
test('a program of others asks for its health there', { skip: probe.missing }, async (t) => {
  const { code, errors } = await runTool(t, probe.path, [`-addr=unix:${encodeURI(path)}`, '-connect-timeout=20s', '-rpc-timeout=20s']);
  assert.equal(code, 0, errors);
});

test('a second daemon is refused there, and the first goes on', async (t) => {
  const data = join(await temporaryDirectory(t), 'data');
  const { ended, log } = runDaemon(t, ['--data', data, '--grpc', `unix:${path}`]);
  assert.equal(await ended, 1);
  assert.match(
    log(),
    /dcfd: cannot listen on unix:.*: another process listens there, perhaps another dcfd; end it, or choose another path/,
  );
  assert.doesNotMatch(log(), /^\s+at /m, 'no stack');
  await served(t, daemon, 'still there');
});

test('its socket goes with it, and one that a killed daemon left is replaced', async (t) => {
  const place = await temporaryDirectory(t);
  const args = ['--grpc', `unix:${join(place, 's.sock')}`];
  const killed = await startDaemon(t, { args });
  await killed.stop('SIGKILL');
  assert.deepEqual(await readdir(place), ['s.sock']);
  const next = await startDaemon(t, { args, data: killed.data });
  assert.deepEqual(await next.control.list(), []);
  assert.equal(await next.stop(), 0);
  assert.deepEqual(await readdir(place), []);
});
