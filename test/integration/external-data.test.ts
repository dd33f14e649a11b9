import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { cleanUp, type Owner, temporaryDirectory } from '../support/cleanup.js';
import { startDaemon } from '../support/daemon.js';
import { writeFunction } from '../support/functions.js';
import { externalModel } from '../support/onnx-model.js';
import { runCli } from '../support/programs.js';

const owner = { after };
const memory = '/dev/shm';
const skip = differs(memory, tmpdir()) ? false : `needs ${memory} and ${tmpdir()} on two file systems`;
/** Its data has 1.6 MB: more than is copied without a try to link it. */
const length = 400_000;
const handler = `import { createSession } from '@dcf/sdk/onnx';
import { Tensor } from 'onnxruntime-node';
export class Handler {
  context: any; session: any;
  constructor(context: any) { this.context = context; }
  async init() { this.session = await createSession(this.context.resources.model); }
  async call() {
    const { y } = await this.session.run({ x: new Tensor('float32', new Float32Array(${length}).fill(1), [${length}]) });
    return String(y.data[${length - 1}]);
  }
}`;

function differs(one: string, other: string): boolean {
  try {
    return statSync(one).dev !== statSync(other).dev;
  } catch {
    return false;
  }
}

function folderIn(place: string): string {
  const folder = mkdtempSync(join(place, 'dcf-test-'));
  cleanUp(owner, () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A function with such a model: its data is a resource, too, or a file of the folder that no key names. */
async function modelFunction(named: boolean, of: Owner = owner): Promise<string> {
  const { model, data } = externalModel('model.onnx.data', length, 41);
  const resources = { model: './model.onnx', ...(named ? { data: './model.onnx.data' } : {}) };
  return await writeFunction(
    of,
    { name: 'external', providers: ['cpu'], resources },
    { 'handler.ts': handler, 'model.onnx': model, 'model.onnx.data': data },
  );
}

test('dcf run: a model with external data, wherever temporary files and the cache are', { skip, timeout: 300_000 }, async () => {
  const [here, other] = [await temporaryDirectory(owner), folderIn(memory)];
  const folder = await modelFunction(false);
  const cache = join(here, 'cache');
  for (const environment of [
    // Hard links; a cache on the function's file system where TMPDIR is on another; copies.
    { TMPDIR: here, XDG_CACHE_HOME: cache },
    { TMPDIR: other, XDG_CACHE_HOME: cache },
    { TMPDIR: other, XDG_CACHE_HOME: join(other, 'cache') },
  ]) {
    await mkdir(environment.XDG_CACHE_HOME, { recursive: true });
    const { code, stdout, stderr } = await runCli(['run', folder], { environment });
    assert.deepEqual([code, stdout], [0, '42'], `${JSON.stringify(environment)}: ${stderr}`);
  }
  for (const place of [here, other, join(cache, 'dcf')]) {
    const left = (await readdir(place).catch(() => [])).filter((name) => name.startsWith('dcf-run-'));
    assert.deepEqual(left, [], place);
  }
});

test('dcf run: a disk that is too small for what it has to copy', { skip, timeout: 300_000 }, async (t) => {
  const { SmallDisk } = await import('../support/faults/small-disk.js');
  const problem = SmallDisk.problem();
  if (problem !== undefined) return t.skip(problem);
  const disk = SmallDisk.open(t, 2 ** 20);
  const folder = await modelFunction(true);
  const { code, stderr } = await runCli(['run', folder], { environment: { TMPDIR: disk.folder, XDG_CACHE_HOME: disk.folder } });
  assert.equal(code, 1);
  assert.match(stderr, /^dcf: the files of the function do not fit into \S+: set TMPDIR to a folder on the file system/m);
  // Where the cache is beside the function, its large files take no space.
  const cache = join(await temporaryDirectory(t), 'cache');
  const linked = await runCli(['run', folder], { environment: { TMPDIR: disk.folder, XDG_CACHE_HOME: cache } });
  assert.deepEqual([linked.code, linked.stdout], [0, '42'], linked.stderr);
});

test('a daemon runs it from a data directory on either file system', { skip, timeout: 300_000 }, async (t) => {
  for (const data of [join(folderIn(memory), 'data'), join(await temporaryDirectory(t), 'data')]) {
    const daemon = await startDaemon(t, { data });
    for (const named of [false, true]) {
      const deployed = await runCli(['deploy', await modelFunction(named, t)], { url: daemon.url });
      assert.equal(deployed.code, 0, deployed.stderr);
      assert.equal(Buffer.from((await daemon.client.invoke('external', '')).output).toString(), '42');
    }
    await daemon.stop();
  }
});
