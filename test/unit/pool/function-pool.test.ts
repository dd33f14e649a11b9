import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import type { DcfError } from '../../../src/core/errors.js';
import type { Outcome } from '../../../src/pool/calls/invocation.js';
import { startPool } from '../../support/pool.js';
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

function failure(outcome: Outcome): DcfError {
  assert.ok(!outcome.ok, 'the call succeeded');
  return outcome.error;
}

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

test('with concurrency 1 calls run one after the other, in order of arrival', async (t) => {
  const { call } = await startPool(
    t,
    'let running = 0; const order = []; export class Handler { async call(request) { running += 1; if (running > 1) throw new Error("two at once"); order.push(request.text()); await new Promise((resolve) => setImmediate(resolve)); running -= 1; return order.join(); } }',
  );
  const calls = ['a', 'b', 'c', 'd'].map((name) => call(name));
  assert.equal(await calls.at(-1)?.text, 'a,b,c,d');
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
    'export class Handler { constructor(context) { this.worker = context.worker; } async call(request) { await new Promise((resolve) => setTimeout(resolve, 20)); return { worker: this.worker, pid: process.pid }; } }',
    { threads: 3 },
  );
  const replies = (await Promise.all(Array.from({ length: 3 }, () => call().text))).map((text): { worker: number; pid: number } =>
    JSON.parse(text),
  );
  assert.deepEqual(replies.map((reply) => reply.worker).sort(), [0, 1, 2]);
  assert.deepEqual([...new Set(replies.map((reply) => reply.pid))], [pool.snapshot().replicas[0]?.pid]);
});

test('a full queue refuses at once, with a pause to wait', async (t) => {
  const { call, folder } = await startPool(t, gated, { queue: { maxSize: 2 } });
  const running = call('running');
  await appears(folder, 'running.started');
  const queued = [call('q1'), call('q2')];
  const error = failure(await call('q3').outcome);
  assert.equal(error.code, 'RESOURCE_EXHAUSTED');
  assert.match(error.message, /queue of tested is full: 2 calls wait/);
  assert.ok((error.retryAfterMs ?? 0) > 0);
  for (const { cancel } of [running, ...queued]) cancel();
});

test('a deadline that passes in the queue ends the call, and the Handler never sees it', async (t) => {
  const { call, folder, pool } = await startPool(t, gated, { queue: { maxSize: 2 } });
  const running = call('running');
  await appears(folder, 'running.started');
  const error = failure(await call('late', { timeoutMs: 30 }).outcome);
  assert.equal(error.code, 'DEADLINE_EXCEEDED');
  assert.match(error.message, /tested: the deadline of 30 ms passed in the queue/);
  assert.equal(pool.queued, 0);
  running.cancel();
  await running.outcome;
  writeFileSync(join(folder, 'next.go'), '');
  assert.equal(await call('next').text, 'done next');
  assert.equal(existsSync(join(folder, 'late.started')), false);
});

test('a deadline that passes in the Handler ends the call and aborts its signal; the slot comes back', async (t) => {
  const { call, folder, pool } = await startPool(t, gated, { killGraceMs: 60_000 });
  const pid = pool.snapshot().replicas[0]?.pid;
  const error = failure(await call('slow', { timeoutMs: 50 }).outcome);
  assert.equal(error.code, 'DEADLINE_EXCEEDED');
  assert.match(error.message, /passed in the Handler/);
  const next = call('next');
  await appears(folder, 'next.started');
  next.cancel();
  assert.equal(pool.snapshot().replicas[0]?.pid, pid, 'the worker was kept');
});

test('the function’s own timeout holds when the caller gives a longer one', async (t) => {
  const { call } = await startPool(t, gated, { timeout: '40ms' });
  assert.match(failure(await call('x', { timeoutMs: 5_000 }).outcome).message, /deadline of 40 ms/);
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
  assert.equal(failure(await spinning.outcome).code, 'DEADLINE_EXCEEDED');
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
  assert.equal(failure(await queued.outcome).code, 'CANCELLED');
  running.cancel();
  assert.equal(failure(await running.outcome).code, 'CANCELLED');
  const next = call('next');
  await appears(folder, 'next.started');
  assert.equal(existsSync(join(folder, 'queued.started')), false);
  next.cancel();
});

test('stop finishes what was accepted and refuses what comes after', async (t) => {
  const { call, folder, pool } = await startPool(t, gated);
  const running = call('running');
  await appears(folder, 'running.started');
  const queued = call('queued');
  const stopped = pool.stop(20_000);
  assert.equal(failure(await call('late').outcome).code, 'UNAVAILABLE');
  writeFileSync(join(folder, 'running.go'), '');
  writeFileSync(join(folder, 'queued.go'), '');
  assert.equal(await running.text, 'done running');
  assert.equal(await queued.text, 'done queued');
  await stopped;
  assert.equal(pool.snapshot().replicas.length, 0);
});

test('a replica that drains lets a long call finish in one thread while the others have left', async (t) => {
  // Longer than the second that a process gets to exit once its stream has ended.
  const slow = 'export class Handler { async call() { await new Promise((resolve) => setTimeout(resolve, 1_500)); return "done"; } }';
  const { call, pool } = await startPool(t, slow, { threads: 3 });
  const running = call();
  await pool.suspend(20_000);
  assert.equal(await running.text, 'done');
});

test('queued calls outlive the replica that dies while the pool drains', async (t) => {
  const { call, folder, pool } = await startPool(
    t,
    `${gated.replace('const name = request.text();', "const name = request.text(); if (name === 'die') process.exit(1);")}`,
  );
  const first = call('first');
  await appears(folder, 'first.started');
  const dying = call('die');
  const last = call('last');
  writeFileSync(join(folder, 'last.go'), '');
  const stopped = pool.stop(20_000);
  writeFileSync(join(folder, 'first.go'), '');
  assert.equal(await first.text, 'done first');
  assert.equal(failure(await dying.outcome).code, 'INTERNAL');
  assert.equal(await last.text, 'done last');
  await stopped;
});

test('stop kills what does not finish within the grace, with a reason', async (t) => {
  const { call, folder, pool } = await startPool(t, gated);
  const running = call('running');
  await appears(folder, 'running.started');
  await pool.stop(50);
  const error = failure(await running.outcome);
  assert.equal(error.code, 'INTERNAL');
  assert.equal(error.reason, 'stopped');
});
