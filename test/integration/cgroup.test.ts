import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { cleanUp } from '../support/cleanup.js';
import { startDaemon } from '../support/daemon.js';
import { answerOf, deploySource } from '../support/functions.js';
import { eventually } from '../support/processes.js';

const given = process.env['DCF_TEST_CGROUP'];
const skip =
  given === undefined ? 'no memory cgroup was given to the tests: DCF_TEST_CGROUP names a folder in which they may make one' : false;

const mebibyte = 2 ** 20;
const limit = 128 * mebibyte;

test("limits.memory is enforced by the kernel, in a replica's own cgroup that goes with it", { skip }, (t) => testCgroup(t, given ?? ''));

async function testCgroup(t: TestContext, parent: string): Promise<void> {
  const group = join(parent, `dcf-test-${process.pid}`);
  await mkdir(group);
  cleanUp(t, () => rmdir(group));
  const groups = () => readdirSync(group).filter((name) => name.startsWith('dcf-'));
  const daemon = await startDaemon(t, { args: ['--cgroup', group] });
  const source = `export class Handler { kept = []; call(request) {
    if (request.text() === 'fill') for (let count = 0; count < 64; count++) this.kept.push(Buffer.alloc(16 * 2 ** 20, 1));
    return String(process.pid);
  } }`;
  await deploySource(t, daemon, 'fills', source, { limits: { memory: '128MiB' } });

  const pid = await answerOf(daemon, 'fills');
  const [name = ''] = groups();
  const [replica] = (await daemon.control.describe('fills')).replicas;
  assert.match(replica?.memoryGuard ?? '', /^cgroup v[12]$/);
  assert.deepEqual(groups(), [name]);
  assert.ok(readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(`/dcf-test-${process.pid}/${name}\n`));
  const limitFile = ['memory.max', 'memory.limit_in_bytes'].map((file) => join(group, name, file)).find(existsSync) ?? '';
  assert.equal(Number(readFileSync(limitFile, 'utf8')), limit);

  await assert.rejects(daemon.client.invoke('fills', 'fill'), { code: 'INTERNAL', reason: 'memory' });
  assert.notEqual(await answerOf(daemon, 'fills'), pid);
  await eventually('the group of the dead replica is gone', async () => !groups().includes(name));

  assert.equal(await daemon.stop('SIGTERM'), 0);
  assert.deepEqual(groups(), []);
}
