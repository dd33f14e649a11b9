import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Owner, temporaryDirectory } from '../support/cleanup.js';
import { startDaemon } from '../support/daemon.js';
import { deploySource, echoSource } from '../support/functions.js';
import { type Gate, shutGate } from '../support/gate.js';
import { type HttpConnection, openHttp, requestHead } from '../support/http-client.js';
import { assertNoMistakes } from '../support/mistakes.js';
import { eventually } from '../support/processes.js';

/** Answers when its gate is open. */
const waitingSource = (gate: Gate) => `export class Handler {
  async call(request: any) {
    console.log('waits');
    ${gate.wait}
    return request.input;
  }
}`;

/** Is built only while its flag is there; ends with its first call. */
const needySource = `
import { existsSync } from 'node:fs';
export class Handler {
  constructor(private context: any) {}
  init() { if (!existsSync(this.context.parameters.flag)) throw new Error('the flag is missing'); }
  call() { process.exit(1); }
}`;

function callHead(name: string, length: number): string {
  return requestHead(`POST /functions/${name}`, { 'content-length': length });
}

test('readiness names who is not ready and why, and comes back', async (t) => {
  const daemon = await startDaemon(t);
  const flag = join(await temporaryDirectory(t), 'flag');
  await writeFile(flag, '');
  await deploySource(t, daemon, 'needy', needySource, { parameters: { flag } });
  await deploySource(t, daemon, 'echo', echoSource);
  const { send, answer } = await openHttp(t, daemon.http);
  const ask = async (path: string) => {
    send(requestHead(`GET ${path}`));
    return await answer();
  };
  assert.equal((await ask('/readyz')).status, 200);
  await rm(flag);
  send(callHead('needy', 0));
  assert.equal((await answer()).status, 502);
  await eventually('it has failed', async () => /the flag is missing/.test((await ask('/readyz')).body));
  const { status, body } = await ask('/readyz');
  assert.equal(status, 503);
  const { ready, draining, notReady } = JSON.parse(body);
  assert.deepEqual(
    { ready, draining, names: notReady.map(({ name }: { name: string }) => name) },
    { ready: false, draining: false, names: ['needy'] },
  );
  assert.equal(notReady[0].state, 'failed');
  send(callHead('needy', 0));
  const refused = await answer();
  assert.equal(refused.status, 503);
  assert.equal(JSON.parse(refused.body).code, 'FAILED_PRECONDITION');
  assert.equal((await ask('/healthz')).status, 200, 'it lives');
  send(`${callHead('echo', 6)}served`);
  assert.equal((await answer()).body, 'served');
  await writeFile(flag, '');
  await eventually('it is ready again', async () => (await ask('/readyz')).status === 200);
});

/** A daemon that was told to stop while a call runs over `running`. */
async function stopping(t: Owner, gate: Gate) {
  const daemon = await startDaemon(t);
  await deploySource(t, daemon, 'waiting', waitingSource(gate));
  const [running, idle] = [await openHttp(t, daemon.http), await openHttp(t, daemon.http)];
  idle.send(requestHead('GET /readyz'));
  assert.equal((await idle.answer()).status, 200);
  running.send(`${callHead('waiting', 6)}answer`);
  const logs = daemon.control.logs({ name: 'waiting', follow: true });
  await logs.next();
  await logs.return(undefined);
  const ended = daemon.stop();
  return { daemon, running, idle, ended };
}

async function refusedOn({ send, answer, rest }: HttpConnection): Promise<void> {
  send(`${callHead('waiting', 1)}x`);
  const { status, headers, body } = await answer();
  assert.equal(status, 503);
  assert.equal(headers['dcf-not-started'], '1');
  assert.equal(headers['connection'], 'close');
  assert.equal(JSON.parse(body).code, 'UNAVAILABLE');
  assert.equal(await rest(), '');
}

test('a daemon that is told to stop says so, refuses, finishes what runs and lets every connection go', async (t) => {
  const gate = await shutGate(t);
  const { daemon, running, idle, ended } = await stopping(t, gate);
  await eventually('it is not ready any more', async () => {
    const { send, answer } = await openHttp(t, daemon.http);
    send(requestHead('GET /readyz'));
    const { status, headers, body } = await answer();
    if (status === 200) return false;
    assert.equal(headers['connection'], 'close');
    assert.deepEqual(JSON.parse(body), { ready: false, draining: true, notReady: [] });
    return true;
  });
  await refusedOn(await openHttp(t, daemon.http));
  await refusedOn(idle);
  const silent = await openHttp(t, daemon.http);
  const uploading = await openHttp(t, daemon.http);
  uploading.send(callHead('waiting', 100));
  await gate.open();
  const { status, headers, body } = await running.answer();
  assert.equal(status, 200);
  assert.equal(body, 'answer');
  assert.equal(headers['connection'], 'close');
  assert.equal(await ended, 0);
  assert.equal(await running.rest(), '');
  await Promise.all([silent.ended, uploading.ended]);
  assertNoMistakes(daemon.log());
});

test('a call that does not finish within --drain-grace is answered, and the daemon ends', async (t) => {
  const daemon = await startDaemon(t, { args: ['--drain-grace', '200ms'] });
  await deploySource(t, daemon, 'waiting', waitingSource(await shutGate(t)));
  const { send, answer, ended } = await openHttp(t, daemon.http);
  send(`${callHead('waiting', 1)}x`);
  const logs = daemon.control.logs({ name: 'waiting', follow: true });
  await logs.next();
  await logs.return(undefined);
  const answered = answer();
  assert.equal(await daemon.stop(), 0);
  const { status, body } = await answered;
  assert.ok(status === 502 || status === 503, body);
  await ended;
});
