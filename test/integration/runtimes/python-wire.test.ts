import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chunkCost, initialCredit } from '../../../src/wire/messages.js';
import { PythonWire, textOf } from '../../support/python-wire.js';
import { noPython } from '../../support/pythons.js';

const skip = noPython;

/** A Handler, not async and async: the words `async` and `await` come in where `A` and `W` stand. */
function both(source: string): [kind: string, source: string][] {
  return [
    ['', source.replaceAll('A ', '').replaceAll('W ', '')],
    [' (async)', source.replaceAll('A ', 'async ').replaceAll('W ', 'await ')],
  ];
}

for (const [kind, source] of both(
  'class Handler:\n  A def __call__(self, req):\n    A for chunk in req.chunks:\n      yield chunk.upper()\n    yield "end"',
)) {
  test(`a stream goes in and out at the same time${kind}`, { skip }, async (t) => {
    const wire = await PythonWire.start(t, source);
    wire.call(1, { streamIn: true, streamOut: true });
    for (const text of ['one', 'two']) {
      wire.data(1, text);
      assert.equal(textOf((await wire.next('DATA')).body), text.toUpperCase());
    }
    wire.send({ type: 'END', id: 1 });
    assert.equal(textOf((await wire.next('DATA')).body), 'end');
    await wire.next('END');
    // All at once: what comes with the CALL is not lost.
    wire.call(2, { streamIn: true });
    wire.data(2, 'a');
    wire.data(2, 'b');
    wire.send({ type: 'END', id: 2 });
    assert.equal(textOf((await wire.next('RESULT')).body), 'ABend');
    assert.equal(await wire.close(), 0);
  });
}

for (const [kind, source] of both(
  'class Handler:\n  A def __call__(self, req):\n    for number in range(100):\n      yield b"x" * 10000\n',
)) {
  test(`no more chunks are sent than there is credit for${kind}`, { skip }, async (t) => {
    const wire = await PythonWire.start(t, source);
    wire.call(1, { streamOut: true });
    let credit = initialCredit;
    let chunks = 0;
    const takeAll = async (): Promise<void> => {
      for (; credit > 0; chunks++) credit -= (await wire.next('DATA')).body.length + chunkCost;
    };
    await takeAll();
    // An answer to something else shows that nothing more was under way.
    wire.call(2, { announce: true });
    wire.send({ type: 'RECALL', id: 2 });
    await wire.next('RETURNED');
    assert.equal(wire.unread.length, 0);
    wire.send({ type: 'CREDIT', id: 1, bytes: 50_000 });
    credit += 50_000;
    await takeAll();
    wire.send({ type: 'CREDIT', id: 1, bytes: 2_000_000 });
    for (; chunks < 100; chunks++) await wire.next('DATA');
    await wire.next('END');
  });
}

for (const [kind, source] of both(
  'class Handler:\n  A def __call__(self, req):\n    A for chunk in req.chunks:\n      pass\n    return "read"\n',
)) {
  test(`credit is given back for what was read${kind}`, { skip }, async (t) => {
    const wire = await PythonWire.start(t, source);
    wire.call(1, { streamIn: true });
    for (let sent = 0; sent < 20; sent++) wire.data(1, 'y'.repeat(10_000));
    // In steps, for a CREDIT after each small chunk would cost as much as the chunk.
    for (let step = 0; step < 2; step++) assert.equal((await wire.next('CREDIT')).bytes, 7 * (10_000 + chunkCost));
    wire.send({ type: 'END', id: 1 });
    assert.equal(textOf((await wire.next('RESULT')).body), 'read');
  });
}

for (const [kind, source] of both(
  `class Handler:
  A def __call__(self, req):
    if "endless" in req.metadata:
      while True:
        yield b"z" * 1000
    A for chunk in req.chunks:
      yield chunk
`,
)) {
  test(`CANCEL ends the wait for chunks and for credit${kind}`, { skip }, async (t) => {
    const wire = await PythonWire.start(t, source);
    wire.call(1, { streamIn: true, streamOut: true });
    wire.data(1, 'begun');
    await wire.next('DATA');
    wire.send({ type: 'CANCEL', id: 1 });
    assert.equal((await wire.next('ERROR')).code, 'CANCELLED');
    wire.call(2, { streamOut: true, metadata: { endless: 'yes' } });
    for (let credit = initialCredit; credit > 0; ) credit -= (await wire.next('DATA')).body.length + chunkCost;
    wire.send({ type: 'CANCEL', id: 2 });
    assert.equal((await wire.next('ERROR')).code, 'CANCELLED');
    // What crosses the end of a call is dropped.
    wire.send({ type: 'CREDIT', id: 2, bytes: 100 });
    wire.data(1, 'late');
    wire.call(3, { streamOut: true, body: 'last' });
    assert.equal(textOf((await wire.next('DATA')).body), 'last');
    await wire.next('END');
  });
}

test('an error after chunks reaches the caller, and a chunk over the limit is one', { skip }, async (t) => {
  const wire = await PythonWire.start(t, 'def Handler(req):\n  yield b"one"\n  yield b"x" * 2000000');
  wire.call(1, { streamOut: true });
  await wire.next('DATA');
  const { code, message } = await wire.next('ERROR');
  assert.equal(code, 'RESOURCE_EXHAUSTED');
  assert.match(message, /2000000 bytes/);
});

const nestedSource = `
class Handler:
  def __init__(self, context): self.context = context
  A def __call__(self, req):
    output = W self.context.call("other", req.input, alias="prod", timeout=1.5, metadata={"a": "b"})
    return output + b"!"
`;

for (const [kind, source] of both(nestedSource)) {
  test(`a call of another function${kind}`, { skip }, async (t) => {
    const wire = await PythonWire.start(t, source);
    wire.call(7, { body: 'in' });
    const nested = await wire.next('NESTED_CALL');
    assert.deepEqual(
      { ...nested, body: textOf(nested.body) },
      { type: 'NESTED_CALL', id: 1, timeoutMs: 1500, function: 'other', alias: 'prod', parent: 7, metadata: { a: 'b' }, body: 'in' },
    );
    wire.send({ type: 'RESULT', id: 1, body: Buffer.from('out') });
    assert.equal(textOf((await wire.next('RESULT')).body), 'out!');
    wire.call(8, { body: 'in' });
    await wire.next('NESTED_CALL');
    wire.send({ type: 'ERROR', id: 2, code: 'NOT_FOUND', message: 'no function other', stack: '', reason: undefined });
    const failed = await wire.next('ERROR');
    assert.deepEqual([failed.code, failed.message], ['NOT_FOUND', 'no function other']);
  });

  test(`a call of another function is given up with its own${kind}`, { skip }, async (t) => {
    const wire = await PythonWire.start(t, source);
    wire.call(7, { body: 'in' });
    await wire.next('NESTED_CALL');
    wire.send({ type: 'CANCEL', id: 7 });
    assert.equal((await wire.next('CANCEL')).id, 1);
    assert.equal((await wire.next('ERROR')).code, 'CANCELLED');
    wire.send({ type: 'ERROR', id: 1, code: 'CANCELLED', message: 'gone', stack: '', reason: undefined });
    wire.call(9, { body: 'in' });
    await wire.next('NESTED_CALL');
  });
}

test('a call of another function with a value of a wrong type fails in the Handler, and sends nothing', { skip }, async (t) => {
  const source = `
class Handler:
  def __init__(self, context): self.context = context
  def __call__(self, req): return eval(req.text(), {"call": self.context.call})
`;
  const wire = await PythonWire.start(t, source);
  for (const [index, [body, message]] of [
    ['call(None, b"")', 'the name of the function to call must be a string, not NoneType'],
    ['call("a", b"", alias=3)', 'the alias to call must be a string, not int'],
    ['call("a", b"", metadata={"n": 1})', "the metadata 'n' must be a string, not int"],
    ['call("a", b"", metadata={1: "n"})', 'a key of the metadata must be a string, not int'],
    ['call("a", 5)', 'the input for a must be bytes or a string, not int'],
  ].entries()) {
    wire.call(index + 1, { body: body ?? '' });
    const { code, message: found } = await wire.next('ERROR');
    assert.deepEqual([code, found], ['UNKNOWN', message]);
  }
  wire.call(9, { body: 'call("a", b"", timeout=float("inf"), metadata={"Trace-Id": "X"})' });
  const { timeoutMs, metadata } = await wire.next('NESTED_CALL');
  assert.deepEqual({ timeoutMs, metadata }, { timeoutMs: 0xffffffff, metadata: { 'trace-id': 'X' } });
});

test('calls of other functions from threads of the Handler, and with mesh', { skip }, async (t) => {
  const source = `
from concurrent.futures import ThreadPoolExecutor
from mesh import mesh_call
class Handler:
  def __call__(self, req):
    with ThreadPoolExecutor(3) as pool:
      return b",".join(pool.map(lambda name: mesh_call(name, b""), ["a", "b", "c"]))
`;
  const wire = await PythonWire.start(t, source);
  for (let id = 1; id <= 20; id++) {
    wire.call(id);
    const calls = [await wire.next('NESTED_CALL'), await wire.next('NESTED_CALL'), await wire.next('NESTED_CALL')];
    for (const { id: number, function: name } of calls.reverse()) wire.send({ type: 'RESULT', id: number, body: Buffer.from(name) });
    assert.equal(textOf((await wire.next('RESULT')).body), 'a,b,c');
  }
});

test('with concurrency, each call has its own stream and its own calls, in threads', { skip }, async (t) => {
  const source = `
from mesh import mesh_call
def Handler(req):
  for chunk in req.chunks:
    yield mesh_call(req.id, chunk)
`;
  const wire = await PythonWire.start(t, source, { concurrency: 2 });
  for (const id of [1, 2]) {
    wire.call(id, { streamIn: true, streamOut: true });
    wire.data(id, `to ${id}`);
  }
  const calls = [await wire.next('NESTED_CALL'), await wire.next('NESTED_CALL')];
  assert.deepEqual(calls.map((call) => `${call.function} ${call.parent} ${textOf(call.body)}`).sort(), ['call-1 1 to 1', 'call-2 2 to 2']);
  for (const { id, parent } of calls.reverse()) {
    wire.send({ type: 'RESULT', id, body: Buffer.from(`for ${parent}`) });
    const data = await wire.next('DATA');
    assert.deepEqual([data.id, textOf(data.body)], [parent, `for ${parent}`]);
  }
  for (const id of [1, 2]) {
    wire.send({ type: 'END', id });
    assert.equal((await wire.next('END')).id, id);
  }
  assert.equal(await wire.close(), 0);
});

test('a call sent ahead: STARTED before the Handler runs, RETURNED when it has not begun', { skip }, async (t) => {
  const wire = await PythonWire.start(
    t,
    'import sys\nclass Handler:\n  def __call__(self, req):\n    if req.text() == "exit": sys.exit(4)\n    while req.text() == "wait" and not req.cancelled: pass\n    return req.input',
  );
  wire.call(1, { body: 'a' });
  wire.call(2, { body: 'b', announce: true });
  await wire.next('RESULT');
  assert.equal((await wire.next('STARTED')).id, 2);
  await wire.next('RESULT');
  wire.call(3, { announce: true, timeoutMs: 60_000, body: 'c' });
  assert.equal((await wire.next('STARTED')).id, 3);
  await wire.next('RESULT');
  wire.call(4, { body: 'wait' });
  wire.call(5, { announce: true });
  wire.send({ type: 'RECALL', id: 5 });
  assert.equal((await wire.next('RETURNED')).id, 5);
  wire.send({ type: 'CANCEL', id: 4 });
  assert.equal((await wire.next('RESULT')).id, 4);
  wire.call(6, { announce: true, body: 'exit' });
  assert.equal((await wire.next('STARTED')).id, 6);
  assert.equal(await wire.exit(), 4);
});

test('rubbish on the stream ends the worker with words', { skip }, async (t) => {
  const wire = await PythonWire.start(t, 'def Handler(req): return req.input');
  wire.send({ type: 'STARTED', id: 1 });
  assert.equal(await wire.exit(), 1);
  assert.match(await wire.errors, /the worker's stream broke: a worker does not accept frames of type 13/);
});
