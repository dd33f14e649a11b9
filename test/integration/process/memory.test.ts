import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'node:test';
import { childrenOf, readShared, readTree } from '../../../src/process/process-tree.js';
import { failureOf, letGo, startPool } from '../../support/pool.js';
import { eventually } from '../../support/processes.js';
import { noPython } from '../../support/pythons.js';

const skip = process.platform === 'linux' ? false : 'only Linux tells what processes have in memory';

const leaky = `
import { spawn } from 'node:child_process';
const kept = [];
const children = [];
// Were it not ended, it should neither fill the machine nor outlive the test.
const hold = 'const kept = []; const parent = process.ppid; setInterval(() => { if (process.ppid !== parent) process.exit(); if (kept.length < 64) kept.push(Buffer.alloc(8 << 20, 1)); }, 20)';
export class Handler {
  async call(request) {
    switch (request.text()) {
      case 'heap': for (;;) kept.push(new Array(1000).fill(kept.length));
      case 'buffers': while (kept.length < 1024) { kept.push(Buffer.alloc(1 << 20, 1)); await new Promise(setImmediate); } return new Promise(() => {});
      case 'child': children.push(spawn(process.execPath, ['-e', hold], { stdio: 'ignore' })); return new Promise(() => {});
      case 'hold': kept.push(Buffer.alloc(100 << 20, 1)); return 'held';
      case 'release': kept.length = 0; return 'released';
      default: return 'alive';
    }
  }
}`;

for (const threads of [1, 2]) {
  test(`a heap that grows without end: reason memory, and the next call is answered (threads: ${threads})`, { skip }, async (t) => {
    const { call } = await startPool(t, leaky, { threads, limits: { memory: '192MiB' } });
    const error = failureOf(await call('heap').outcome);
    assert.equal(error.code, 'INTERNAL');
    assert.equal(error.reason, 'memory');
    assert.match(error.message, /it ran out of JavaScript heap/);
    assert.equal(await call('next').text, 'alive');
  });
}

test('a full heap is told of without a limit too', { skip }, async (t) => {
  const { call } = await startPool(t, leaky, { environment: { NODE_OPTIONS: '--max-old-space-size=24' } });
  const error = failureOf(await call('heap').outcome);
  assert.equal(error.reason, 'memory');
  assert.equal(await call('next').text, 'alive');
});

for (const how of ['buffers', 'child'] as const) {
  test(`a replica over limits.memory (${how}): it is ended, reason memory, and the next call is answered`, { skip }, async (t) => {
    const { call, pool } = await startPool(t, leaky, { limits: { memory: '192MiB' } });
    const [replica] = pool.snapshot().replicas;
    const error = failureOf(await call(how).outcome);
    assert.equal(error.code, 'INTERNAL');
    assert.equal(error.reason, 'memory');
    assert.match(error.message, /it used more memory than limits\.memory allows: 192 MiB/);
    assert.equal(await call('next').text, 'alive');
    assert.equal(replica?.process?.memoryGuard, 'watch');
    assert.ok((replica?.process?.memory().peak ?? 0) > 192 * 2 ** 20);
  });
}

/** Holds 100 MiB and forks; what the child takes for itself is the input's number of bytes. It lives for four readings, and until it is let go. */
const forking = `
import os, time
held = b"x" * (100 << 20)
def Handler(req):
  child = os.fork()
  if child == 0:
    own = b"y" * int(req.text())
    time.sleep(1)
    while not os.path.exists("child.go"): time.sleep(0.01)
    os._exit(0)
  os.waitpid(child, 0)
  return str(os.getpid())
`;

for (const [what, own] of [
  ['has all that its parent has as its own memory', 0],
  ['shares most of it with its parent', 8 << 20],
] as const) {
  test(`a child that was forked and ${what} is not taken for one that uses it, too`, { skip: skip || noPython }, async (t) => {
    const { call, pool, folder } = await startPool(t, forking, { runtime: 'python', limits: { memory: '180MiB' } });
    const pid = pool.snapshot().replicas[0]?.pid ?? 0;
    const called = call(String(own));
    await eventually('the child is there', () => childrenOf(pid).length === 1);
    if (own === 0) assert.equal(readTree(pid).length, 1);
    else await eventually('it has what it wants', () => readTree(pid).length === 2);
    await letGo(folder, 'child');
    assert.equal(await called.text, String(pid));
  });
}

test('what a replica has in memory is told, its children included; the most that it had stays', { skip }, async (t) => {
  const { call, pool } = await startPool(t, leaky);
  const spawned = pool.snapshot().replicas[0]?.process;
  assert.ok(spawned !== undefined);
  assert.equal(spawned.memoryGuard, undefined);
  const before = spawned.memory();
  assert.ok(before.rss > 2 ** 20 && before.peak >= before.rss);
  await call('hold').text;
  const held = before.rss + 90 * 2 ** 20;
  await eventually('the reading shows what is held', () => spawned.memory().rss > held);
  assert.ok(spawned.memory().peak > held);
  const pending = call('child');
  await eventually('the child is counted', () => readTree(spawned.pid).length === 2 && spawned.memory().rss > held + 20 * 2 ** 20);
  pending.cancel();
});

test('recycle.maxMemory replaces a replica that holds too much, once its call is answered', { skip }, async (t) => {
  const { call, pool } = await startPool(t, leaky, { recycle: { maxMemory: 120 * 2 ** 20 } });
  const [before] = pool.snapshot().replicas;
  assert.equal(await call('hold').text, 'held');
  await eventually('another replica has taken over', async () => {
    assert.equal(await call('next').text, 'alive');
    return pool.snapshot().replicas.length === 1 && pool.snapshot().replicas[0]?.id !== before?.id;
  });
});

test('a process that is not there has nothing in memory', () => {
  assert.deepEqual(readTree(2 ** 30), []);
});

test('a process that ends while shares are read counts nothing, and does not hide what the others have', { skip }, async (t) => {
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child, 'spawn');
  const pid = child.pid ?? 0;
  const own = (await readShared([process.pid])) ?? 0;
  assert.ok(own > 2 ** 20);
  child.kill('SIGKILL');
  await once(child, 'exit');
  const both = await readShared([process.pid, pid]);
  assert.ok(both !== undefined && both > own / 2, String(both));
});
