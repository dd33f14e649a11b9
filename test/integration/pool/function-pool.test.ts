import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { failureOf, startPool } from '../../support/pool.js';
import { eventually } from '../../support/processes.js';

const echo = 'export class Handler { call(request) { return request.input; } }';

/** A handler that each call can hold up: it answers when a file of the call's name appears in its folder. */
const gated = `
import { existsSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
const folder = import.meta.dirname ?? new URL('.', import.meta.url).pathname;
export class Handler {
  async call(request) {
    const name = request.text();
    writeFileSync(join(folder, name + '.started'), '');
    await new Promise((resolve) => {
      const gate = join(folder, name + '.go');
      const watcher = watch(folder, () => { if (existsSync(gate)) { watcher.close(); resolve(); } });
      request.signal.addEventListener('abort', () => { watcher.close(); resolve(); });
      if (existsSync(gate)) { watcher.close(); resolve(); }
    });
    return request.signal.aborted ? 'aborted ' + name : 'done ' + name;
  }
}`;

const appears = (folder: string, name: string) => eventually(`${name} is there`, () => existsSync(join(folder, name)));

test('a call reaches the Handler and its reply comes back, empty input included', async (t) => {
  const { call } = await startPool(t, echo);
  assert.equal(await call('hello').text, 'hello');
  assert.equal(await call('').text, '');
  const large = Buffer.alloc(3_000_000, 'ab');
  const outcome = await call(large).outcome;
  assert.ok(outcome.ok && Buffer.from(outcome.output).equals(large));
});

test('the Handler is built once and called many times', async (t) => {
  const { call } = await startPool(
    t,
    'let built = 0; export class Handler { constructor() { built += 1; this.calls = 0; } call() { this.calls += 1; return { built, calls: this.calls }; } }',
  );
  const replies = await Promise.all(Array.from({ length: 20 }, () => call().text));
  assert.deepEqual(JSON.parse(replies.at(-1) ?? ''), { built: 1, calls: 20 });
});

test('with concurrency N calls run together in one Handler', async (t) => {
  const { call } = await startPool(
    t,
    'let resolveAll; const all = new Promise((resolve) => { resolveAll = resolve; }); let count = 0; export class Handler { async call() { count += 1; if (count === 8) resolveAll(); await all; return String(count); } }',
    { concurrency: 8 },
  );
  assert.deepEqual(await Promise.all(Array.from({ length: 8 }, () => call().text)), Array(8).fill('8'));
});

test('threads: each worker has a Handler of its own, in one process', async (t) => {
  const { call, pool } = await startPool(
    t,
    'export class Handler { constructor(context) { this.worker = context.worker; } call() { return { worker: this.worker, pid: process.pid }; } }',
    { threads: 3 },
  );
  const replies = (await Promise.all(Array.from({ length: 3 }, () => call().text))).map((text): { worker: number; pid: number } =>
    JSON.parse(text),
  );
  assert.deepEqual(replies.map((reply) => reply.worker).sort(), [0, 1, 2]);
  assert.deepEqual([...new Set(replies.map((reply) => reply.pid))], [pool.snapshot().replicas[0]?.pid]);
});

test('a deadline that passes in the Handler ends the call and aborts its signal; the slot comes back', async (t) => {
  const { call, folder, pool } = await startPool(t, gated, { killGraceMs: 60_000 });
  const pid = pool.snapshot().replicas[0]?.pid;
  const error = failureOf(await call('slow', { timeoutMs: 50 }).outcome);
  assert.equal(error.code, 'DEADLINE_EXCEEDED');
  assert.match(error.message, /passed in the Handler/);
  const next = call('next');
  await appears(folder, 'next.started');
  next.cancel();
  assert.equal(pool.snapshot().replicas[0]?.pid, pid, 'the worker was kept');
});

test('a Handler that spins past its deadline is killed after the grace, and replaced', async (t) => {
  const { call, pool } = await startPool(
    t,
    'export class Handler { call(request) { if (request.text() === "spin") for (;;); return "fine"; } }',
    { killGraceMs: 50 },
  );
  const pid = pool.snapshot().replicas[0]?.pid;
  const spinning = call('spin', { timeoutMs: 50 });
  const queued = call('queued');
  assert.equal(failureOf(await spinning.outcome).code, 'DEADLINE_EXCEEDED');
  assert.equal(await queued.text, 'fine', 'a queued call is answered by the replacement');
  assert.notEqual(pool.snapshot().replicas[0]?.pid, pid);
  assert.match(pool.snapshot().lastFailure?.text ?? '', /killed because call call-1 ran on past its deadline/);
});

test('a cancelled call in the queue never runs; a running one has its signal aborted', async (t) => {
  const { call, folder } = await startPool(t, gated);
  const running = call('running');
  await appears(folder, 'running.started');
  const queued = call('queued');
  queued.cancel();
  assert.equal(failureOf(await queued.outcome).code, 'CANCELLED');
  running.cancel();
  assert.equal(failureOf(await running.outcome).code, 'CANCELLED');
  const next = call('next');
  await appears(folder, 'next.started');
  assert.equal(existsSync(join(folder, 'queued.started')), false);
  next.cancel();
});

test('a replica that drains lets a long call finish in one thread while the others have left', async (t) => {
  // Longer than the second that a process gets to exit once its stream has ended.
  const slow = 'export class Handler { async call() { await new Promise((resolve) => setTimeout(resolve, 1_500)); return "done"; } }';
  const { call, pool } = await startPool(t, slow, { threads: 3 });
  const running = call();
  await pool.suspend(20_000);
  assert.equal(await running.text, 'done');
});

test('stop kills what does not finish within the grace, with a reason', async (t) => {
  const { call, folder, pool } = await startPool(t, gated);
  const running = call('running');
  await appears(folder, 'running.started');
  await pool.stop(50);
  const error = failureOf(await running.outcome);
  assert.equal(error.code, 'INTERNAL');
  assert.equal(error.reason, 'stopped');
});
