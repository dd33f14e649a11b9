import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Client, credentials, status } from '@grpc/grpc-js';
import { service as health } from 'grpc-health-check';
import { cleanUp, type Owner, temporaryDirectory } from '../support/cleanup.js';
import { startDaemon, type TestDaemon } from '../support/daemon.js';
import { deploySource, echoSource } from '../support/functions.js';
import { misbehavingSource } from '../support/misbehaving.js';
import { oldClient } from '../support/old-client.js';

const owner = { after };
const shared = await startDaemon(owner);
const Check = methodOf('Check');
const Watch = methodOf('Watch');

/** What a reply of the health service says, or the code of its status. */
async function check(daemon: TestDaemon, service: string): Promise<string> {
  const client = new Client(daemon.url, credentials.createInsecure());
  try {
    return await new Promise((resolve) => {
      client.makeUnaryRequest(Check.path, Check.requestSerialize, Check.responseDeserialize, { service }, (error, reply: unknown) =>
        resolve(error === null ? statusOf(reply) : String(status[error.code])),
      );
    });
  } finally {
    client.close();
  }
}

/** The next status of a service each time it is called, beginning with the one that it has. */
function watch(t: Owner, daemon: TestDaemon, service: string): () => Promise<string> {
  const client = new Client(daemon.url, credentials.createInsecure());
  const stream = client.makeServerStreamRequest(Watch.path, Watch.requestSerialize, Watch.responseDeserialize, { service });
  // Cancelled below, when the test is over.
  stream.on('error', () => undefined);
  cleanUp(t, () => {
    stream.cancel();
    client.close();
  });
  const replies: AsyncIterator<unknown> = stream[Symbol.asyncIterator]();
  return async () => {
    const { done, value } = await replies.next();
    if (done === true) throw new Error('the watch has ended');
    return statusOf(value);
  };
}

async function until(next: () => Promise<string>, wanted: string): Promise<void> {
  while ((await next()) !== wanted);
}

function methodOf(name: string) {
  const method = health[name];
  assert.ok(method !== undefined);
  return method;
}

function statusOf(reply: unknown): string {
  return typeof reply === 'object' && reply !== null && 'status' in reply ? String(reply.status) : 'no status';
}

test('a daemon without functions serves', async () => {
  assert.equal(await check(shared, ''), 'SERVING');
  assert.equal(await check(shared, 'nobody'), 'NOT_FOUND');
});

test('a function serves once it is deployed, and no more once it is deleted', async (t) => {
  await deploySource(t, shared, 'brief', echoSource);
  assert.equal(await check(shared, 'brief'), 'SERVING');
  const next = watch(t, shared, 'brief');
  assert.equal(await next(), 'SERVING');
  await shared.control.delete('brief');
  assert.notEqual(await check(shared, 'brief'), 'SERVING');
  assert.notEqual(await next(), 'SERVING');
  assert.equal(await check(shared, ''), 'SERVING');
});

test('Watch tells when a replica dies and when another is ready, for the function and for the daemon', async (t) => {
  await deploySource(t, shared, 'mortal', misbehavingSource);
  const nextOfFunction = watch(t, shared, 'mortal');
  const nextOfDaemon = watch(t, shared, '');
  assert.equal(await nextOfFunction(), 'SERVING');
  assert.equal(await nextOfDaemon(), 'SERVING');
  await assert.rejects(shared.client.invoke('mortal', 'exit'), { code: 'INTERNAL' });
  await until(nextOfFunction, 'NOT_SERVING');
  await until(nextOfFunction, 'SERVING');
  await until(nextOfDaemon, 'NOT_SERVING');
  await until(nextOfDaemon, 'SERVING');
  assert.equal((await shared.control.info()).ready, true);
});

test('while a Handler cannot be built the daemon is not ready, says why, serves the others, and comes back', async (t) => {
  const daemon = await startDaemon(t);
  const flag = join(await temporaryDirectory(t), 'flag');
  await writeFile(flag, '');
  const source = `import { existsSync } from 'node:fs';
export class Handler {
  flag: string;
  constructor(context: { parameters: { flag: string } }) { this.flag = context.parameters.flag; }
  init() { if (!existsSync(this.flag)) throw new Error('the flag is missing'); }
  call() { process.exit(1); }
}`;
  await deploySource(t, daemon, 'needy', source, { parameters: { flag } });
  await deploySource(t, daemon, 'echo', echoSource);
  const nextOfFunction = watch(t, daemon, 'needy');
  const nextOfDaemon = watch(t, daemon, '');
  await until(nextOfFunction, 'SERVING');
  await until(nextOfDaemon, 'SERVING');
  await rm(flag);
  await assert.rejects(daemon.client.invoke('needy', ''), { code: 'INTERNAL' });
  await until(nextOfFunction, 'NOT_SERVING');
  await until(nextOfDaemon, 'NOT_SERVING');
  await assert.rejects(daemon.client.invoke('needy', ''), {
    code: 'FAILED_PRECONDITION',
    message: /needy is not ready: .*the flag is missing/,
  });
  const [, needy] = await daemon.control.list();
  assert.equal(needy?.state, 'failed');
  assert.match(needy?.reason ?? '', /the flag is missing/);
  assert.equal((await daemon.control.info()).ready, false);
  const call = await oldClient(t, daemon.url);
  assert.equal((await call('HealthCheck', {})).code, 'UNAVAILABLE');
  assert.equal(Buffer.from((await daemon.client.invoke('echo', 'served')).output).toString(), 'served');
  assert.equal(await check(daemon, 'echo'), 'SERVING');
  await writeFile(flag, '');
  await until(nextOfFunction, 'SERVING');
  await until(nextOfDaemon, 'SERVING');
  assert.equal((await daemon.control.info()).ready, true);
});

test('a daemon that stops says so before it is gone', async (t) => {
  const daemon = await startDaemon(t, { args: ['--drain-grace', '1h'] });
  await deploySource(t, daemon, 'slow', misbehavingSource, { timeout: '1h' });
  const next = watch(t, daemon, '');
  await until(next, 'SERVING');
  const controller = new AbortController();
  const running = daemon.client.invoke('slow', 'wait', { requestId: 'last', signal: controller.signal });
  running.catch(() => undefined);
  const logs = daemon.control.logs({ name: 'slow', follow: true, callId: 'last' });
  await logs.next();
  await logs.return();
  process.kill(daemon.pid, 'SIGTERM');
  await until(next, 'NOT_SERVING');
  controller.abort();
  await assert.rejects(running, { code: 'CANCELLED' });
  assert.equal(await daemon.ended, 0);
});
