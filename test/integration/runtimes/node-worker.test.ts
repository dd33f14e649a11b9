import assert from 'node:assert/strict';
import test from 'node:test';
import { startPool } from '../../support/pool.js';

/** Answers with the value of the JavaScript expression that it is sent, or throws what \`throw\` expressions give. */
const evaluating = `
export class Handler {
  call(request) { return new Function('request', request.text())(request); }
}`;

test('every kind of reply but a stream', async (t) => {
  const { call } = await startPool(t, evaluating);
  for (const [source, output] of [
    ['return new Uint8Array([104, 105])', 'hi'],
    ['return Buffer.from("hi")', 'hi'],
    ['return new Uint8Array([104, 105]).buffer', 'hi'],
    ['return "grüße"', 'grüße'],
    ['return ""', ''],
    ['return { a: [1, null, "x"] }', '{"a":[1,null,"x"]}'],
    ['return [1, 2]', '[1,2]'],
    ['return 3.5', '3.5'],
    ['return null', 'null'],
    ['return false', 'false'],
    ['return Promise.resolve({ later: true })', '{"later":true}'],
    ['return { then(resolve) { resolve("of another library"); } }', 'of another library'],
    ['return "a" + "\\ud800" + "b"', 'a\ufffdb'],
    ['return { scores: new Float32Array([0.5, 1]) }', '{"scores":[0.5,1]}'],
    ['return 10n', '10'],
  ] as const) {
    assert.equal(await call(source).text, output, source);
  }
});

test('what is no reply is INTERNAL and says what was returned; the worker is kept', async (t) => {
  const { call, pool } = await startPool(t, evaluating);
  const pid = pool.snapshot().replicas[0]?.pid;
  for (const [source, message] of [
    ['return undefined', /returned nothing \(undefined\)/],
    ['return () => 1', /returned a function/],
    ['return Symbol("s")', /returned a symbol/],
    ['return new Map([[1, 2]])', /returned a Map; write Object\.fromEntries/],
    ['return new Error("lost")', /returned an Error; throw it/],
    ['return { scores: [0, NaN] }', /^reply\.scores\[1\] is NaN; /],
    ['const a = {}; a.a = a; return a', /^reply\.a is the same object as reply; /],
    ['return { toJSON() {} }', /toJSON returns nothing/],
    ['return (function* () { yield 7; })()', /stream gave a number; a chunk is bytes or a string/],
  ] as const) {
    const outcome = await call(source).outcome;
    assert.ok(!outcome.ok, source);
    assert.equal(outcome.error.code, 'INTERNAL', source);
    assert.match(outcome.error.message, message);
  }
  assert.equal(pool.snapshot().replicas[0]?.pid, pid);
});

test('whatever is thrown is an answer, not a crash', async (t) => {
  const { call, pool } = await startPool(t, evaluating);
  const pid = pool.snapshot().replicas[0]?.pid;
  for (const [source, code, message] of [
    ['throw new Error("plain")', 'UNKNOWN', /^plain$/],
    ['return Promise.reject(new TypeError("rejected"))', 'UNKNOWN', /^rejected$/],
    ['throw "a text"', 'UNKNOWN', /^a text$/],
    ['throw null', 'UNKNOWN', /^null was thrown$/],
    ['throw undefined', 'UNKNOWN', /^undefined was thrown$/],
    ['throw { toString() { throw 1; } }', 'UNKNOWN', /cannot be described/],
    ['throw new Error("")', 'UNKNOWN', /^Error$/],
    ['const e = new Error("chosen"); e.name = "DcfError"; e.code = "NOT_FOUND"; throw e', 'NOT_FOUND', /^chosen$/],
    ['const e = new Error("odd"); e.name = "DcfError"; e.code = "OK"; throw e', 'UNKNOWN', /^odd$/],
    ['throw new Error("surrogate \\ud800 here")', 'UNKNOWN', /^surrogate \ufffd here$/],
    ['return request.json()', 'INVALID_ARGUMENT', /the input is not valid JSON/],
    // JSON writes each NUL with six bytes.
    ['throw new Error("\\0".repeat(9000))', 'UNKNOWN', /^\0+ … \(cut\)$/],
    ['throw Object.assign(new Error("long"), { name: "DcfError", code: "ABORTED", reason: "r".repeat(70000) })', 'ABORTED', /^long$/],
    ['throw Object.assign(new Error("odd"), { name: "DcfError", code: "ABORTED", reason: 5 })', 'ABORTED', /^odd$/],
  ] as const) {
    const outcome = await call(source).outcome;
    assert.ok(!outcome.ok, source);
    assert.equal(outcome.error.code, code, source);
    assert.match(outcome.error.message, message);
  }
  assert.equal(pool.snapshot().replicas[0]?.pid, pid);
});

test('a message of a megabyte is cut to what a status can carry', async (t) => {
  const { call } = await startPool(t, evaluating);
  const outcome = await call('throw new Error("é".repeat(1_000_000))').outcome;
  assert.ok(!outcome.ok);
  assert.ok(Buffer.byteLength(outcome.error.message) <= 4096);
  assert.match(outcome.error.message, /^é+ … \(cut\)$/);
});

test('a reply over limits.payload is refused with both numbers', async (t) => {
  const { call } = await startPool(t, evaluating, { limits: { payload: '1KiB' } });
  assert.equal((await call('return "x".repeat(1024)').text).length, 1024);
  const outcome = await call('return "x".repeat(1025)').outcome;
  assert.ok(!outcome.ok);
  assert.equal(outcome.error.code, 'RESOURCE_EXHAUSTED');
  assert.match(outcome.error.message, /the reply has 1025 bytes; limits\.payload is 1024/);
});

test('the request has its id, deadline, signal and metadata', async (t) => {
  const { call } = await startPool(t, evaluating);
  const before = Date.now();
  const text = await call(
    'return { id: request.id, deadline: request.deadline.getTime(), aborted: request.signal.aborted, metadata: request.metadata }',
    {
      timeoutMs: 10_000,
      requestId: 'my-own-id',
    },
  ).text;
  const seen: { id: string; deadline: number; aborted: boolean; metadata: object } = JSON.parse(text);
  assert.equal(seen.id, 'my-own-id');
  assert.equal(seen.aborted, false);
  assert.deepEqual(seen.metadata, {});
  assert.ok(seen.deadline > before && seen.deadline <= Date.now() + 10_000);
});

test('lines of console and logger carry the call’s id, also with calls that overlap', async (t) => {
  const { call, line } = await startPool(
    t,
    'let begun = 0; export class Handler { constructor(context) { this.logger = context.logger; console.log("building"); } async call(request) { const name = request.text(); console.log("begin %s", name); begun += 1; while (begun < 4) await new Promise(setImmediate); this.logger.warn("end", name, { n: 1 }); return name; } }',
    { concurrency: 4 },
  );
  await Promise.all(['a', 'b', 'c', 'd'].map((name) => call(name, { requestId: `id-${name}` }).text));
  for (const name of ['a', 'b', 'c', 'd']) {
    assert.deepEqual(
      [(await line(new RegExp(`^begin ${name}$`))).callId, (await line(new RegExp(`^end ${name} { n: 1 }$`))).callId],
      [`id-${name}`, `id-${name}`],
    );
  }
  assert.equal((await line(/^building$/)).callId, '');
  assert.equal((await line(/^end a/)).level, 'warn');
});

test('what a program writes to its standard output is logged too, and long lines are cut', async (t) => {
  const { call, line } = await startPool(
    t,
    'export class Handler { call() { process.stdout.write("raw line\\n"); process.stderr.write("x".repeat(40_000) + "\\n"); return "ok"; } }',
  );
  await call().text;
  assert.equal((await line(/^raw line$/)).level, 'info');
  assert.equal((await line(/^x+$/)).text.length, 16 * 1024);
});

test('close() is awaited when the function is stopped', async (t) => {
  const { pool, folder } = await startPool(
    t,
    'import { writeFileSync } from "node:fs"; export class Handler { call() {} async close() { await new Promise((resolve) => setTimeout(resolve, 10)); writeFileSync(new URL("./closed", import.meta.url), ""); } }',
  );
  await pool.stop(10_000);
  const { existsSync } = await import('node:fs');
  assert.ok(existsSync(`${folder}/closed`));
});
