import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startDaemon } from '../support/daemon.js';
import { deploySource } from '../support/functions.js';
import { misbehavingSource } from '../support/misbehaving.js';
import { assertNoMistakes } from '../support/mistakes.js';
import { eventually } from '../support/processes.js';
import { invokeReply, invokeRequest, type RawOptions, type RawResult, rawClient } from '../support/raw-client.js';

const owner = { after };
const daemon = await startDaemon(owner, { args: ['--kill-grace', '100ms'] });
const raw = rawClient(owner, daemon.url);
await deploySource(owner, daemon, 'probe', misbehavingSource, { concurrency: 16, callLog: false });

async function call(input: string, options?: RawOptions): Promise<RawResult> {
  return await raw.call('/dcf.v1.Functions/Invoke', invokeRequest({ function: 'probe', input: Buffer.from(input) }), options);
}

async function text(input: string): Promise<string> {
  const { code, details, reply } = await call(input);
  assert.equal(code, 'OK', details);
  return invokeReply(reply).toString();
}

const answers: [input: string, code: string, details: RegExp][] = [
  ['throw', 'UNKNOWN', /^it does not work$/],
  ['throw text', 'UNKNOWN', /^just a text$/],
  ['throw undefined', 'UNKNOWN', /undefined was thrown/],
  ['reject', 'UNKNOWN', /^rejected$/],
  ['choose', 'ALREADY_EXISTS', /^a code of its own$/],
  ['choose unavailable', 'UNAVAILABLE', /^its own upstream is gone$/],
  ['nothing', 'INTERNAL', /returned nothing \(undefined\).*a reply is bytes, a string, a JSON value, or/],
  ['function', 'INTERNAL', /returned a function/],
  ['cycle', 'INTERNAL', /JSON cannot write/],
  ['lone surrogate', 'UNKNOWN', /^half \ufffd a character$/],
  ['long message', 'UNKNOWN', /^x{3000,5000} … \(cut\)$/],
  ['line breaks', 'UNKNOWN', /^first\r\nsecond: \0 third$/],
];
for (const [input, code, details] of answers) {
  test(`a Handler's "${input}" is ${code}, and neither replica, daemon nor connection notice`, async () => {
    const replica = await text('pid');
    const result = await call(input);
    assert.equal(result.code, code, result.details);
    assert.match(result.details, details);
    assert.equal(result.trailers['dcf-not-started'], undefined, 'it ran: a client must not try it again');
    assert.doesNotMatch(result.details, /handler\.(ts|mjs)/, 'the stack is for the log');
    assert.equal(await text('pid'), replica);
    assert.equal((await daemon.control.info()).pid, daemon.pid);
  });
}

const ends: [input: string, reason: RegExp][] = [
  ['exit', /^exit:3$/],
  ['crash', /^signal:SIGSEGV$/],
  ['uncaught', /^uncaught$/],
];
for (const [input, reason] of ends) {
  test(`a replica that ends by "${input}" fails its call with INTERNAL and the reason, and is replaced`, async () => {
    const replica = await text('pid');
    const { code, details, trailers } = await call(input);
    assert.equal(code, 'INTERNAL', details);
    assert.match(trailers['dcf-reason'] ?? '', reason);
    assert.equal(trailers['dcf-not-started'], undefined);
    // The first ends are followed by a restart within a second, which a call waits for; later ones take longer.
    await eventually('another replica answers', async () => {
      const { code: next, reply } = await call('pid');
      return next === 'OK' && invokeReply(reply).toString() !== replica;
    });
    assert.equal((await daemon.control.info()).pid, daemon.pid);
  });
}

test('a call that waits when its caller gives up is told so by its signal', async (t) => {
  // Its deadline would fire the signal, too.
  await deploySource(t, daemon, 'patient', misbehavingSource, { timeout: '1h', callLog: false });
  const abort = new AbortController();
  const options = { signal: abort.signal, headers: { 'dcf-request-id': 'given-up' } };
  const ended = raw.call('/dcf.v1.Functions/Invoke', invokeRequest({ function: 'patient', input: Buffer.from('wait') }), options);
  const waits = daemon.control.logs({ name: 'patient', follow: true, callId: 'given-up' });
  assert.equal((await waits.next()).value?.text, 'waits');
  abort.abort();
  assert.equal((await ended).code, 'CANCELLED');
  assert.match((await waits.next()).value?.text ?? '', /^was aborted: the caller gave up/);
  await waits.return();
  await eventually('the slot is free', async () => (await daemon.control.describe('patient')).running === 0);
});

test('a deadline aborts the signal of a Handler that heeds it, whose replica lives on', async () => {
  const replica = await text('pid');
  const { code } = await call('wait', { timeoutMs: 150 });
  assert.equal(code, 'DEADLINE_EXCEEDED');
  await eventually('the slot is free', async () => (await daemon.control.describe('probe')).running === 0);
  assert.equal(await text('pid'), replica);
});

test("the function's own timeout ends a call whose caller has none", async (t) => {
  await deploySource(t, daemon, 'short', misbehavingSource, { timeout: '100ms' });
  const { code, details } = await raw.call('/pb.Gateway/Invoke', invokeRequest({ function: 'short', input: Buffer.from('wait') }));
  assert.equal(code, 'DEADLINE_EXCEEDED');
  assert.match(details, /^short: the deadline of 100 ?ms passed in the Handler$/);
});

test('a Handler that spins past its deadline and the grace is killed, and calls go on', async () => {
  const replica = await text('pid');
  assert.equal((await call('spin', { timeoutMs: 200 })).code, 'DEADLINE_EXCEEDED');
  await eventually('another replica answers', async () => {
    const { code, reply } = await call('pid', { timeoutMs: 5_000 });
    return code === 'OK' && invokeReply(reply).toString() !== replica;
  });
  const { lastFailure } = await daemon.control.describe('probe');
  assert.match(lastFailure, /killed because call .* ran on past its deadline/);
});

test('a full queue refuses at once and says when to come back', async (t) => {
  await deploySource(t, daemon, 'narrow', misbehavingSource, { queue: { maxSize: 0 } });
  const abort = new AbortController();
  const narrow = (input: string, options?: RawOptions) =>
    raw.call('/dcf.v1.Functions/Invoke', invokeRequest({ function: 'narrow', input: Buffer.from(input) }), options);
  const held = narrow('wait', { signal: abort.signal });
  await eventually('the slot is taken', async () => (await daemon.control.describe('narrow')).running === 1);
  const { code, details, trailers } = await narrow('id');
  assert.equal(code, 'RESOURCE_EXHAUSTED');
  assert.match(details, /queue of narrow is full/);
  assert.ok(Number(trailers['grpc-retry-pushback-ms']) > 0);
  abort.abort();
  await held;
});

test('a call to a function whose replicas keep ending is UNAVAILABLE and certainly not started', async (t) => {
  await deploySource(t, daemon, 'fragile', misbehavingSource);
  const fragile = (input: string) =>
    raw.call('/dcf.v1.Functions/Invoke', invokeRequest({ function: 'fragile', input: Buffer.from(input) }), { timeoutMs: 10_000 });
  let last = await fragile('exit');
  await eventually('the back-off is long enough to be told of', async () => {
    last = await fragile('exit');
    return last.code === 'UNAVAILABLE';
  });
  assert.match(last.details, /fragile is not ready: it exited with code 3; the next start is tried in/);
  assert.equal(last.trailers['dcf-not-started'], '1');
  assert.ok(Number(last.trailers['grpc-retry-pushback-ms']) > 0);
});

test('nothing of all that was a mistake of the daemon', async () => {
  // Only then all that it has logged is here.
  await daemon.stop();
  assertNoMistakes(daemon.log());
});
