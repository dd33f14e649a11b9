import assert from 'node:assert/strict';
import { test } from 'node:test';
import { initialCredit } from '../../../src/wire/messages.js';
import { PythonWire, textOf } from '../../support/python-wire.js';
import { noPython } from '../../support/pythons.js';

const skip = noPython;

/** The answer to a call whose input comes in these chunks. */
async function streamed(wire: PythonWire, id: number, ...chunks: readonly string[]): Promise<string> {
  wire.call(id, { streamIn: true });
  for (const chunk of chunks) wire.data(id, chunk);
  wire.send({ type: 'END', id });
  return textOf((await wire.next('RESULT')).body);
}

const heads = [
  ['', 'def'],
  [', async', 'async def'],
] as const;

for (const [kind, head] of heads) {
  test(`input, text() and json() of a call whose input comes in chunks are refused${kind}`, { skip }, async (t) => {
    const source = `class Handler:\n  ${head} __call__(self, req):\n    return eval("req." + req.metadata["get"])`;
    const wire = await PythonWire.start(t, source);
    for (const [index, get] of ['input', 'text()', 'json()'].entries()) {
      wire.call(index, { streamIn: true, metadata: { get } });
      const { code, message } = await wire.next('ERROR');
      assert.equal(code, 'INVALID_ARGUMENT', get);
      assert.match(message, /^this call sends its input in chunks: the Handler has to read req\.chunks instead$/);
    }
    wire.call(9, { body: 'whole', metadata: { get: 'input' } });
    assert.equal(textOf((await wire.next('RESULT')).body), 'whole');
  });

  test(`a streamed call is in no batch${kind}`, { skip }, async (t) => {
    const source = `
class Handler:
  ${head} __call__(self, req):
    ${kind === '' ? '' : 'async '}for chunk in req.chunks: yield b"<" + chunk + b">"
  ${head} call_batch(self, reqs): return [f"{len(reqs)} {req.text()}" for req in reqs]
`;
    const wire = await PythonWire.start(t, source, { maxBatch: 4 });
    assert.equal(await streamed(wire, 1, 'a', 'b'), '<a><b>');
    wire.call(2, { streamOut: true, body: 'whole' });
    assert.equal(textOf((await wire.next('DATA')).body), '<whole>');
    await wire.next('END');
    // One comes between the calls of a batch.
    wire.call(3, { body: 'c', more: true });
    wire.call(4, { streamIn: true });
    wire.send({ type: 'END', id: 4 });
    wire.call(5, { body: 'd' });
    const bodies = [await wire.next('RESULT'), await wire.next('RESULT'), await wire.next('RESULT')].map(({ body }) => textOf(body));
    assert.deepEqual(bodies.sort(), ['', '2 c', '2 d']);
  });

  for (const maxBatch of [1, 4]) {
    test(`a Handler with call_batch alone gets the whole of a streamed input, batches of ${maxBatch}${kind}`, { skip }, async (t) => {
      const source = `
class Handler:
  ${head} call_batch(self, reqs):
    return [ValueError("this one") if req.text() == "bad" else [len(reqs), req.text(), b"".join(req.chunks).decode()] for req in reqs]
`;
      const wire = await PythonWire.start(t, source, { maxBatch, maxPayload: 1000 });
      assert.equal(await streamed(wire, 1, 'a', 'b'), '[1,"ab","ab"]');
      wire.call(2, { body: 'whole' });
      assert.equal(textOf((await wire.next('RESULT')).body), '[1,"whole","whole"]');
      wire.call(3, { body: 'bad', streamOut: true });
      assert.equal((await wire.next('ERROR')).message, 'this one');
      wire.call(4, { streamIn: true });
      for (let sent = 0; sent < 2; sent++) wire.data(4, 'x'.repeat(600));
      const { code, message } = await wire.next('ERROR');
      assert.deepEqual([code, message], ['RESOURCE_EXHAUSTED', 'the input has more bytes than limits.payload allows, 1000']);
    });
  }

  test(`the pair gets the whole of a streamed input${kind}`, { skip }, async (t) => {
    const source = `${head} Handler(event, context): return event + context.request_id.encode()`;
    assert.equal(await streamed(await PythonWire.start(t, source), 1, 'a', 'b'), 'abcall-1');
  });
}

const anyThread = [
  ['in one thread', 1],
  ['in threads', 2],
] as const;

/** A stream whose Handler prints before each chunk of 100 kB: the fourth waits, and is never sent when the call is cancelled instead. */
async function sendsNoMoreThanIsTaken(wire: PythonWire, id: number): Promise<void> {
  for (let chunk = 0; chunk < 3; chunk++) {
    await wire.next('LOG');
    assert.equal((await wire.next('DATA')).body.length, 100_000);
  }
  await wire.next('LOG');
  wire.send({ type: 'CANCEL', id });
  assert.equal((await wire.next('ERROR')).code, 'CANCELLED');
}

/** Hides from everything that looks that a function is async. */
const hiding = `
def hidden(function):
  def call(*given): return function(*given)
  return call
`;

for (const [where, concurrency] of anyThread) {
  test(`what a Handler that does not look async gives is awaited, ${where}`, { skip }, async (t) => {
    const source = `${hiding}
import asyncio
class Handler:
  def __init__(self, context): self.context = context
  @hidden
  async def __call__(self, req):
    await asyncio.sleep(0)
    chunks = [chunk async for chunk in req.chunks]
    return await self.context.call("other", b"".join(chunks))
`;
    const wire = await PythonWire.start(t, source, { concurrency });
    for (const id of [1, 2]) {
      wire.call(id, { streamIn: true });
      wire.data(id, 'a');
      wire.data(id, 'b');
      wire.send({ type: 'END', id });
      const nested = await wire.next('NESTED_CALL');
      assert.deepEqual([nested.parent, textOf(nested.body)], [id, 'ab']);
      wire.send({ type: 'RESULT', id: nested.id, body: Buffer.from('out') });
      assert.equal(textOf((await wire.next('RESULT')).body), 'out');
    }
    // It is cancelled wherever it waits.
    for (const id of [3, 4]) {
      wire.call(id, { streamIn: true });
      if (id === 4) {
        wire.send({ type: 'END', id });
        await wire.next('NESTED_CALL');
      }
      wire.send({ type: 'CANCEL', id });
      if (id === 4) await wire.next('CANCEL');
      assert.equal((await wire.next('ERROR')).code, 'CANCELLED');
    }
    assert.equal(await wire.close(), 0);
  });

  test(`an async generator that a plain function gives, no faster than it is taken, ${where}`, { skip }, async (t) => {
    const source = `
class Handler:
  def __call__(self, req): return self.chunks(req)
  async def chunks(self, req):
    async for chunk in req.chunks:
      for _ in range(3):
        if "says" in req.metadata: print("made")
        yield chunk * 100_000
`;
    const wire = await PythonWire.start(t, source, { concurrency });
    wire.call(1, { streamIn: true, streamOut: true });
    for (const text of ['a', 'b']) {
      wire.data(1, text);
      for (let chunk = 0; chunk < 3; chunk++) {
        assert.equal((await wire.next('DATA')).body.length, 100_000);
        if (text === 'b') wire.send({ type: 'CREDIT', id: 1, bytes: 100_016 });
      }
      if (text === 'a') wire.send({ type: 'CREDIT', id: 1, bytes: initialCredit });
    }
    wire.send({ type: 'END', id: 1 });
    await wire.next('END');
    wire.call(2, { streamIn: true, streamOut: true, metadata: { says: 'yes' } });
    for (const text of ['a', 'b']) wire.data(2, text);
    await sendsNoMoreThanIsTaken(wire, 2);
  });

  test(`a call_batch whose list is to be awaited, ${where}`, { skip }, async (t) => {
    const source = `${hiding}
class Handler:
  def __call__(self, req): return self.call_batch([req])
  @hidden
  async def call_batch(self, reqs): return [req.text() for req in reqs]
`;
    const wire = await PythonWire.start(t, source, { concurrency, maxBatch: 2 });
    wire.call(1, { body: 'a', more: true });
    wire.call(2, { body: 'b' });
    for (const text of ['a', 'b']) assert.equal(textOf((await wire.next('RESULT')).body), text);
    wire.call(3, { streamOut: true, body: 'c' });
    assert.equal(textOf((await wire.next('RESULT')).body), '["c"]');
  });

  test(`chunks in an event loop of the function's own, ${where}`, { skip }, async (t) => {
    const source = `
import asyncio
class Handler:
  def __call__(self, req): return asyncio.run(self.work(req))
  async def work(self, req):
    if "says" in req.metadata: print("begun")
    return b"".join([chunk async for chunk in req.chunks])
`;
    const wire = await PythonWire.start(t, source, { concurrency });
    for (const id of [1, 2]) {
      wire.call(id, { streamIn: true, metadata: { says: 'yes' } });
      await wire.next('LOG');
      wire.data(id, 'a');
      wire.call(10 + id, { body: 'between' });
      wire.data(id, 'b');
      wire.send({ type: 'END', id });
      const bodies = [await wire.next('RESULT'), await wire.next('RESULT')].map(({ body }) => textOf(body));
      assert.deepEqual(bodies.sort(), ['ab', 'between']);
    }
  });
}

test('an async Handler that reads chunks without await, and gives a plain generator', { skip }, async (t) => {
  const source = `
class Handler:
  async def __call__(self, req):
    count = sum(len(chunk) for chunk in req.chunks)
    return (self.made(req) for _ in range(count))
  def made(self, req):
    if "says" in req.metadata: print("made")
    return b"x" * 100_000
`;
  const wire = await PythonWire.start(t, source);
  wire.call(1, { streamIn: true, streamOut: true });
  for (const text of ['ab', 'cdef']) wire.data(1, text);
  wire.send({ type: 'END', id: 1 });
  for (let chunk = 0; chunk < 3; chunk++) await wire.next('DATA');
  wire.send({ type: 'CREDIT', id: 1, bytes: 10_000_000 });
  for (let chunk = 0; chunk < 3; chunk++) await wire.next('DATA');
  await wire.next('END');
  wire.call(2);
  assert.equal(textOf((await wire.next('RESULT')).body), '');
  wire.call(3, { body: 'abcd', streamOut: true, metadata: { says: 'yes' } });
  await sendsNoMoreThanIsTaken(wire, 3);
  assert.equal(await wire.close(), 0);
});

test('an endless plain generator of an async Handler ends when nobody waits for it', { skip }, async (t) => {
  const source = `
async def Handler(req):
  print("begun")
  return (b"" for _ in iter(int, 1))
`;
  const wire = await PythonWire.start(t, source);
  wire.call(1);
  await wire.next('LOG');
  wire.send({ type: 'CANCEL', id: 1 });
  assert.equal((await wire.next('ERROR')).code, 'CANCELLED');
});

test('a reply that the Handler changes afterwards is sent as it was', { skip }, async (t) => {
  const source = `
import asyncio
class Handler:
  def __init__(self): self.buffer = bytearray(b"....")
  async def __call__(self, req):
    self.buffer[:] = req.input
    return self.buffer
`;
  const wire = await PythonWire.start(t, source, { concurrency: 8 });
  for (let id = 1; id <= 8; id++) wire.call(id, { body: `no ${id}` });
  for (let id = 1; id <= 8; id++) assert.equal(textOf((await wire.next('RESULT')).body), `no ${id}`);
});

for (const [kind, head] of heads) {
  test(`a file in chunks for those who take them, and closed at the end${kind}`, { skip }, async (t) => {
    const source = `
import tempfile
files = []
${head} Handler(req):
  if req.text() == "closed": return [file.closed for file in files]
  files.append(tempfile.TemporaryFile())
  files[-1].write(b"x" * 100_000)
  files[-1].seek(0)
  return files[-1]
`;
    const wire = await PythonWire.start(t, source);
    wire.call(1, { streamOut: true });
    assert.equal((await wire.next('DATA')).body.length + (await wire.next('DATA')).body.length, 100_000);
    await wire.next('END');
    wire.call(2);
    assert.equal((await wire.next('RESULT')).body.length, 100_000);
    wire.call(3, { body: 'closed' });
    assert.equal(textOf((await wire.next('RESULT')).body), '[true,true]');
  });
}
