import assert from 'node:assert/strict';
import test from 'node:test';
import type { DcfError } from '../../../../src/core/errors.js';
import { createPool, failureOf, startPool } from '../../../support/pool.js';
import { eventually, isAlive } from '../../../support/processes.js';

async function startFailure(start: Promise<void>): Promise<{ error: DcfError; stack: string }> {
  const error: unknown = await start.then(
    () => assert.fail('it became ready'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof Error && 'code' in error && error.code === 'FAILED_PRECONDITION', String(error));
  const { DcfError: expected } = await import('../../../../src/core/errors.js');
  assert.ok(expected.is(error));
  return { error, stack: error.cause instanceof Error ? (error.cause.stack ?? '') : '' };
}

const mortal = `
export class Handler {
  call(request) {
    switch (request.text()) {
      case 'exit': process.exit(0);
      case 'abort': process.abort();
      case 'kill': process.kill(process.pid, 'SIGKILL'); for (;;);
      case 'throw later': setTimeout(() => { throw new Error('later'); }, 0); return new Promise(() => {});
      default: return 'alive';
    }
  }
}`;

for (const [how, reason, text] of [
  ['exit', 'exit:0', /exited with code 0/],
  ['abort', 'signal:SIGABRT', /killed by SIGABRT/],
  ['kill', 'signal:SIGKILL', /killed by SIGKILL/],
] as const) {
  test(`a replica that dies under a call (${how}): INTERNAL with the reason; queued calls are answered by the next`, async (t) => {
    const { call, pool } = await startPool(t, mortal);
    const dying = call(how);
    const queued = call('queued');
    const error = failureOf(await dying.outcome);
    assert.equal(error.code, 'INTERNAL');
    assert.equal(error.reason, reason);
    assert.match(error.message, text);
    assert.equal(await queued.text, 'alive');
    assert.equal(pool.snapshot().ready, 1);
  });
}

test('an uncaught exception fails the call that waits for what never comes, and the replica is replaced', async (t) => {
  const { call, pool, line } = await startPool(t, mortal);
  const before = pool.snapshot().replicas[0]?.pid;
  const failing = call('throw later', { requestId: 'guilty' });
  const queued = call('queued');
  const error = failureOf(await failing.outcome);
  assert.equal(error.code, 'INTERNAL');
  assert.equal(error.reason, 'uncaught');
  assert.match(error.message, /an uncaught exception: later/);
  assert.equal(await queued.text, 'alive');
  assert.equal((await line(/an uncaught exception: Error: later/)).callId, 'guilty');
  await eventually('another replica serves', () => pool.snapshot().ready === 1 && pool.snapshot().replicas[0]?.pid !== before);
});

test('a worker that writes rubbish to its stream is ended, and says so', async (t) => {
  const { call } = await startPool(
    t,
    `import { writeSync } from 'node:fs'; export class Handler { call(request) { if (request.text() === 'rubbish') writeSync(3, Buffer.alloc(64, 255)); return request.input; } }`,
  );
  const error = failureOf(await call('rubbish').outcome);
  assert.equal(error.code, 'INTERNAL');
  assert.equal(error.reason, 'protocol');
  assert.equal(await call('next').text, 'next');
});

test('a worker that closes its stream is ended, and says so', async (t) => {
  const { call } = await startPool(
    t,
    `import { closeSync } from 'node:fs'; export class Handler { call(request) { if (request.text() === 'close') { process.on('exit', () => {}); setInterval(() => {}, 1e6); closeSync(3); return new Promise(() => {}); } return request.input; } }`,
  );
  const error = failureOf(await call('close').outcome);
  assert.equal(error.code, 'INTERNAL');
  assert.match(error.reason ?? '', /stream-closed|exit:/);
  assert.equal(await call('next').text, 'next');
});

test('an init that throws fails the start with the Handler’s own stack', async (t) => {
  const { pool } = await createPool(t, 'export class Handler {\n  async init() {\n    throw new Error("no weights");\n  }\n  call() {}\n}');
  const { error, stack } = await startFailure(pool.start());
  assert.match(error.message, /the Handler could not be built: no weights/);
  assert.match(stack, /Error: no weights\n\s+at Handler\.init \(.*handler\.mjs:3:11\)/);
});

for (const [what, source, message] of [
  ['a constructor that throws', 'export class Handler { constructor() { throw new Error("constructor"); } call() {} }', /constructor/],
  ['a file that throws', 'throw new Error("module"); export class Handler { call() {} }', /module/],
  ['no Handler', 'export class Other { call() {} }', /exports no Handler; it exports: Other/],
  ['a Handler that is no class', 'export const Handler = 3;', /exports Handler, but not as a class/],
  ['a Handler without call', 'export class Handler { calls() {} }', /class Handler of handler\.mjs has no method call/],
  ['an exit in init', 'export class Handler { init() { console.error("bye"); process.exit(3); } call() {} }', /exited with code 3/],
  ['a syntax error', 'export class Handler {', /could not be built: Unexpected end of input/],
] as const) {
  test(`${what}: the start fails and says so`, async (t) => {
    const { pool } = await createPool(t, source);
    const { error } = await startFailure(pool.start());
    assert.match(error.message, message);
  });
}

test('a process that prints much and exits before it is ready: the error has the last of it', async (t) => {
  // More than is read in one turn, so that its exit is known before all of it is read.
  const text = "('x'.repeat(99) + '\\n').repeat(1_500) + 'the last words'";
  const source = `export class Handler {
    async init() { await new Promise((resolve) => process.stderr.write(${text}, resolve)); process.exit(3); }
    call() {}
  }`;
  const { pool } = await createPool(t, source);
  const { stack } = await startFailure(pool.start());
  assert.match(stack, /^(x{99}\n){19}the last words$/);
});

test('an init that hangs fails the start at initTimeout', async (t) => {
  const { pool } = await createPool(
    t,
    'export class Handler { init() { return new Promise(() => setInterval(() => {}, 1e6)); } call() {} }',
    { initTimeout: '300ms' },
  );
  const { error } = await startFailure(pool.start());
  assert.match(error.message, /not ready within initTimeout/);
});

test('nothing of a replica stays behind: not its own children either', async (t) => {
  const { call, pool } = await startPool(
    t,
    `import { spawn } from 'node:child_process'; const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'ignore' }); export class Handler { call() { return String(child.pid); } }`,
  );
  const grandchild = Number(await call().text);
  assert.ok(isAlive(grandchild));
  await pool.stop(5_000);
  await eventually('the child is gone', () => !isAlive(grandchild));
});
