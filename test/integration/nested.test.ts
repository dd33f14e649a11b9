import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../support/cleanup.js';
import { startDaemon } from '../support/daemon.js';
import { deploySource, echoSource, logOf } from '../support/functions.js';
import { shutGate } from '../support/gate.js';
import { type About, type Caught, call, deployNesting, follow, through } from '../support/nesting.js';
import { eventually } from '../support/processes.js';
import { refusal } from '../support/refusal.js';

const answer = { do: 'answer', text: 'here' } as const;

test('a function calls others: bytes come and go unchanged, and id, metadata and deadline go along', async (t) => {
  const daemon = await startDaemon(t);
  await deployNesting(t, daemon, ['a', 'b', 'c']);
  await deploySource(t, daemon, 'echo', echoSource);
  const relay = `export class Handler { constructor(private context: any) {} call(request: any) { return this.context.call('echo', request.input); } }`;
  await deploySource(t, daemon, 'relay', relay);
  for (const size of [0, 1, 8 * 1024, 8 * 1024 + 1, 8 * 2 ** 20]) {
    const bytes = Buffer.alloc(size, Buffer.from([0, 255, 7, 13, 200]));
    const { output } = await daemon.client.invoke('relay', bytes);
    assert.ok(Buffer.from(output).equals(bytes), `${size} bytes`);
  }
  const options = { requestId: 'outermost-1', timeout: '5s', metadata: { traceparent: '00-aa-bb-01', tenant: 'outer' } };
  const plan = call('b', call('c', { do: 'about' }, { byRequest: true }), { options: { metadata: { Tenant: 'inner', extra: 'ü' } } });
  const about: About = JSON.parse(await follow(daemon, 'a', plan, options));
  assert.deepEqual([about.function, about.id], ['c', 'outermost-1']);
  assert.deepEqual(about.metadata, { traceparent: '00-aa-bb-01', tenant: 'inner', extra: 'ü' });
  assert.ok(about.left > 0 && about.left <= 5_000, `${about.left} ms`);
  const shorter: About = JSON.parse(await follow(daemon, 'a', call('b', { do: 'about' }, { options: { timeout: '1s' } }), options));
  assert.ok(shorter.left > 0 && shorter.left <= 1_000, `${shorter.left} ms`);
  const longer: About = JSON.parse(await follow(daemon, 'a', call('b', { do: 'about' }, { options: { timeout: 60_000 } }), options));
  assert.ok(longer.left <= 5_000, `${longer.left} ms`);
  for (const [name, caller] of [
    ['b', 'a'],
    ['c', 'b'],
  ] as const) {
    const lines = await logOf(daemon, name, 'outermost-1');
    assert.ok(
      lines.some((line) => line.startsWith('REPORT') && line.includes(`caller=${caller}`)),
      lines.join('\n'),
    );
  }
});

test('the error of the other function comes with its code, and tells which failed along the way', async (t) => {
  const daemon = await startDaemon(t);
  await deployNesting(t, daemon, ['a', 'b', 'c']);
  const failing = { do: 'throw', code: 'ALREADY_EXISTS', message: 'it is there' } as const;
  const caught: Caught = JSON.parse(await follow(daemon, 'a', { do: 'catch', call: call('b', call('c', failing)) }));
  assert.deepEqual([caught.code, caught.message], ['ALREADY_EXISTS', 'b: c: it is there']);
  assert.match(caught.stack, /at async .*handler/s, 'the stack leads to the Handler that made the call');
  assert.doesNotMatch(caught.stack, /throw new/);
  const passed = await refusal(follow(daemon, 'a', call('b', failing)));
  assert.deepEqual([passed.code, passed.message], ['ALREADY_EXISTS', 'b: it is there']);
  for (const [plan, code, message] of [
    [call('nobody', answer), 'NOT_FOUND', /^nobody: there is no function nobody$/],
    [call('Not A Name', answer), 'INVALID_ARGUMENT', /not a valid function name/],
    [call('b', answer, { options: { alias: 'prod' } }), 'NOT_FOUND', /^b: .*no alias/],
    [call('b', answer, { options: { timeout: 'soon' } }), 'INVALID_ARGUMENT', /the timeout is "soon"/],
    [call('b', answer, { options: { metadata: { long: 'x'.repeat(40_000) } } }), 'INVALID_ARGUMENT', /over the limit of 32/],
    [call('b', answer, { options: { metadata: { long: 'x'.repeat(70_000) } } }), 'INVALID_ARGUMENT', /too long/],
    [call('b'.repeat(70_000), answer), 'INVALID_ARGUMENT', /too long/],
  ] as const) {
    const error = await refusal(follow(daemon, 'a', plan));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
  }
  const odd = `export class Handler { constructor(private context: any) {} async call(request: any) { const { name, input, options } = request.json(); return await this.context.call(name, input, options); } }`;
  await deploySource(t, daemon, 'odd', odd);
  for (const given of [
    { name: 3, input: '' },
    { name: 'b', input: 4 },
    { name: 'b', input: '', options: { alias: 5 } },
    { name: 'b', input: '', options: { metadata: { a: 1 } } },
  ]) {
    assert.equal((await refusal(daemon.client.invoke('odd', JSON.stringify(given)))).code, 'INVALID_ARGUMENT', JSON.stringify(given));
  }
  const [replica] = (await daemon.control.describe('odd')).replicas;
  assert.equal(replica?.id, 1, 'no bad argument ends the replica');
});

test('limits.payload of both functions hold', async (t) => {
  const daemon = await startDaemon(t);
  await deployNesting(t, daemon, ['a'], { limits: { payload: '2KiB' } });
  await deployNesting(t, daemon, ['b'], { limits: { payload: '1KiB' } });
  const long = { do: 'answer', text: 'x'.repeat(1_500) } as const;
  const error = await refusal(follow(daemon, 'a', call('b', long)));
  assert.equal(error.code, 'RESOURCE_EXHAUSTED');
  assert.match(error.message, /^b: the input has \d+ bytes; limits\.payload of b is 1024$/);
  const source = `export class Handler { constructor(private context: any) {} async call() { return await this.context.call('b', 'x'.repeat(3000)); } }`;
  await deploySource(t, daemon, 'large', source, { limits: { payload: '2KiB' } });
  const own = await refusal(daemon.client.invoke('large', ''));
  assert.equal(own.code, 'RESOURCE_EXHAUSTED');
  assert.match(own.message, /the input for b has 3000 bytes; limits\.payload of large is 2048/);
});

test('the deadline and the cancel of the outermost call reach the innermost', async (t) => {
  const daemon = await startDaemon(t);
  const flag = join(await temporaryDirectory(t), 'flag');
  await deployNesting(t, daemon, ['a', 'b', 'c']);
  const waits = through(['b', 'c'], { do: 'wait', flag });
  const late = await refusal(follow(daemon, 'a', waits, { timeout: '2s', requestId: 'late' }));
  assert.equal(late.code, 'DEADLINE_EXCEEDED');
  await eventually('the innermost is told of the deadline', async () => (await logOf(daemon, 'c', 'late')).includes('was aborted'));
  const controller = new AbortController();
  const cancelled = refusal(follow(daemon, 'a', waits, { signal: controller.signal, requestId: 'gone' }));
  await eventually('the innermost runs', async () => (await logOf(daemon, 'c', 'gone')).includes('waits'));
  controller.abort();
  assert.equal((await cancelled).code, 'CANCELLED');
  await eventually('the innermost is told of the cancel', async () => (await logOf(daemon, 'c', 'gone')).includes('was aborted'));
  const gate = await shutGate(t);
  const givenUp = follow(daemon, 'a', { do: 'abort', call: call('c', { do: 'wait', flag }), flag: gate.path }, { requestId: 'aborted' });
  await eventually('what is to be given up runs', async () => (await logOf(daemon, 'c', 'aborted')).includes('waits'));
  await gate.open();
  assert.equal(await givenUp, 'CANCELLED');
  await eventually('what a Handler gives up is told', async () => (await logOf(daemon, 'c', 'aborted')).includes('was aborted'));
  assert.equal(await follow(daemon, 'a', { do: 'forget', call: call('c', { do: 'wait', flag }) }, { requestId: 'forgot' }), 'forgot');
  await eventually('a call that is let go ends with its parent', async () => (await logOf(daemon, 'c', 'forgot')).includes('was aborted'));
  const letGo = /a nested call that the Handler did not await has failed: c: /;
  await eventually('the log tells of the call that was let go', async () => (await logOf(daemon, 'a')).some((line) => letGo.test(line)));
  assert.deepEqual(
    (await logOf(daemon, 'a')).filter((line) => line.includes('is replaced')),
    [],
  );
  for (const name of ['a', 'b', 'c']) {
    assert.deepEqual(
      (await daemon.control.describe(name)).replicas.map(({ id }) => id),
      [1],
      `${name} still has its first replica`,
    );
    assert.equal(await follow(daemon, name, answer), 'here');
  }
});

test('a worker that dies: the Handler that called it can go on; one that dies while it waits takes its call along', async (t) => {
  const daemon = await startDaemon(t);
  const flag = join(await temporaryDirectory(t), 'flag');
  await deployNesting(t, daemon, ['a', 'b']);
  const caught: Caught = JSON.parse(await follow(daemon, 'a', { do: 'catch', call: call('b', { do: 'exit' }) }));
  assert.deepEqual([caught.code, caught.reason], ['INTERNAL', 'exit:7']);
  assert.match(caught.message, /^b: the worker died while it ran the call: it exited with code 7/);
  const orphaned = refusal(follow(daemon, 'a', call('b', { do: 'wait', flag }), { requestId: 'orphan' }));
  await eventually('the inner call runs', async () => (await logOf(daemon, 'b', 'orphan')).includes('waits'));
  const [caller] = (await daemon.control.describe('a')).replicas;
  process.kill(caller?.pid ?? 0, 'SIGKILL');
  assert.deepEqual(await orphaned.then(({ code, reason }) => [code, reason]), ['INTERNAL', 'signal:SIGKILL']);
  await eventually('the inner call is cancelled', async () => (await logOf(daemon, 'b', 'orphan')).includes('was aborted'));
  assert.equal(await follow(daemon, 'a', call('b', answer)), 'here');
});

test('the first call of a function at rest starts it, nested or not; calls of one Handler run at the same time', async (t) => {
  const daemon = await startDaemon(t);
  await deployNesting(t, daemon, ['a'], { concurrency: 4 });
  await deployNesting(t, daemon, ['resting'], {
    replicas: { min: 0, max: 2, idleTimeout: '100ms' },
    concurrency: 1_000,
    queue: { maxSize: 1_000 },
  });
  await eventually('it rests', async () => (await daemon.control.describe('resting')).replicas.length === 0);
  assert.equal(await follow(daemon, 'a', call('resting', answer)), 'here');
  const calls = Array.from({ length: 1_000 }, (_, index) => call('resting', { do: 'answer', text: String(index) }));
  const codes: string[] = JSON.parse(await follow(daemon, 'a', { do: 'all', calls }));
  assert.deepEqual([codes.length, codes.filter((code) => code !== 'OK')], [1_000, []]);
});

test('more nested calls than the queue takes are refused; those from outside do not take their room', async (t) => {
  const daemon = await startDaemon(t);
  const flag = join(await temporaryDirectory(t), 'flag');
  await deployNesting(t, daemon, ['a', 'b'], { queue: { maxSize: 4 } });
  const first = follow(daemon, 'b', { do: 'wait', flag }, { requestId: 'first' });
  await eventually('it runs', async () => (await logOf(daemon, 'b', 'first')).includes('waits'));
  const outside = Array.from({ length: 4 }, () => follow(daemon, 'b', answer));
  await eventually('they wait', async () => (await daemon.control.describe('b')).queued === 4);
  // The SDK would try again for as long as it may.
  const refused = await fetch(`${daemon.http}/functions/b`, { method: 'POST', body: JSON.stringify(answer) });
  assert.equal(refused.status, 429);
  const nested = follow(daemon, 'a', { do: 'all', calls: Array.from({ length: 6 }, () => call('b', answer)) });
  await eventually('four more wait', async () => (await daemon.control.describe('b')).queued === 8);
  await writeFile(flag, '');
  const codes: string[] = JSON.parse(await nested);
  assert.deepEqual(codes.toSorted(), ['OK', 'OK', 'OK', 'OK', 'RESOURCE_EXHAUSTED', 'RESOURCE_EXHAUSTED']);
  assert.deepEqual(await Promise.all(outside), Array(4).fill('here'));
  await first;
});

test('what belongs to no call cannot call; in a batch the request says for which it is', async (t) => {
  const daemon = await startDaemon(t);
  await deployNesting(t, daemon, ['b']);
  const source = `export class Handler {
    private error = '';
    constructor(private context: any) {}
    async init() { await this.context.call('b', '').catch((error: any) => { this.error = error.code + ' ' + error.message; }); }
    call() { return ''; }
    async callBatch(requests: any[]) {
      const plain = await this.context.call('b', '{"do":"about"}').then(() => 'OK', (error: any) => error.code);
      return await Promise.all(requests.map(async (request) => ({ init: this.error, plain, size: requests.length, about: JSON.parse(Buffer.from(await request.call('b', '{"do":"about"}')).toString()) })));
    }
  }`;
  await deploySource(t, daemon, 'batched', source, { batch: { maxSize: 2, maxDelay: '5s' } });
  const [one, two] = await Promise.all(
    ['one', 'two'].map(async (requestId) =>
      JSON.parse(Buffer.from((await daemon.client.invoke('batched', '', { requestId })).output).toString()),
    ),
  );
  assert.match(one.init, /^FAILED_PRECONDITION a function is called for one request/);
  assert.deepEqual([one.size, one.plain, one.about.id, two.about.id], [2, 'FAILED_PRECONDITION', 'one', 'two']);
});

test('with calls that overlap in one Handler each nested call belongs to its own', async (t) => {
  const daemon = await startDaemon(t);
  await deployNesting(t, daemon, ['a', 'b'], { concurrency: 8 });
  const ids = Array.from({ length: 40 }, (_, index) => `own-${index}`);
  const seen = await Promise.all(
    ids.map(async (requestId) => JSON.parse(await follow(daemon, 'a', call('b', { do: 'about' }), { requestId }))),
  );
  assert.deepEqual(
    seen.map(({ id }) => id),
    ids,
  );
});

test('the secrets of a function are not in the errors that others get of it', async (t) => {
  const daemon = await startDaemon(t);
  await daemon.control.setSecret('API_KEY', Buffer.from('s3cret-0815'));
  const keyed = `declare const process: any; export class Handler { call() { throw new Error('no access with ' + process.env.API_KEY); } }`;
  await deploySource(t, daemon, 'keyed', keyed, { secrets: ['API_KEY'] });
  await deployNesting(t, daemon, ['a']);
  const caught = await follow(daemon, 'a', { do: 'catch', call: call('keyed', answer) });
  assert.match(caught, /keyed: no access with/);
  assert.doesNotMatch(caught, /s3cret-0815/);
});
