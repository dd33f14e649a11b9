import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { test } from 'node:test';
import { failureOf, startPool, type TestPool } from '../../support/pool.js';
import { noPython } from '../../support/pythons.js';

const skip = noPython;
const python = { runtime: 'python' } as const;

/** Runs the Python statements that it is sent; they see `req`, and `return` something. */
const evaluating = `
class Handler:
    def __call__(self, req):
        names = {}
        body = "\\n".join("    " + line for line in req.text().split("\\n"))
        exec("def run(req):\\n" + body, names)
        return names["run"](req)
`;

test('every kind of reply', { skip }, async (t) => {
  const { call, folder } = await startPool(t, evaluating, python);
  for (const [source, output] of [
    ['return b"hi"', 'hi'],
    ['return bytearray(b"hi")', 'hi'],
    ['return memoryview(b"-hi-")[1:3]', 'hi'],
    ['return memoryview(b"h-i-")[::2]', 'hi'],
    ['return "grüße"', 'grüße'],
    ['return ""', ''],
    ['return {"a": [1, None, "ü"]}', '{"a":[1,null,"ü"]}'],
    ['return (1, 2)', '[1,2]'],
    ['return 3.5', '3.5'],
    ['return False', 'false'],
    ['return "a" + "\\ud800" + "b"', 'a\ufffdb'],
    ['return (chunk for chunk in [b"a", "ü", {"b": 1}])', 'aü{"b":1}'],
    ['return iter([b"a", b"b"])', 'ab'],
    ['yield b"a"\nyield "b"', 'ab'],
    ['yield from req.chunks', 'yield from req.chunks'],
  ] as const) {
    assert.equal(await call(source).text, output, source);
  }
  assert.deepEqual(await readdir(folder), ['handler.py', 'node_modules'], 'nothing is written beside the function');
});

/** Each program fails in its own way, and the process is kept. */
async function assertFailures({ call, pool }: TestPool, cases: readonly [source: string, code: string, message: RegExp][]): Promise<void> {
  const pid = pool.snapshot().replicas[0]?.pid;
  for (const [source, code, message] of cases) {
    const error = failureOf(await call(source).outcome);
    assert.equal(error.code, code, source);
    assert.match(error.message, message);
  }
  assert.equal(pool.snapshot().replicas[0]?.pid, pid);
}

test('what is no reply is INTERNAL and says what was returned; the worker is kept', { skip }, async (t) => {
  await assertFailures(await startPool(t, evaluating, { ...python, limits: { payload: '1KiB' } }), [
    ['pass', 'INTERNAL', /returned nothing \(None\)/],
    ['return lambda: 1', 'INTERNAL', /cannot be written as JSON: reply is of type function: call it/],
    ['return {"a": [1, float("nan")]}', 'INTERNAL', /cannot be written as JSON: reply\["a"\]\[1\] is NaN; /],
    ['yield b"a"\nyield object()', 'INTERNAL', /cannot be written as JSON: reply is of type object: /],
    ['return b"x" * 1025', 'RESOURCE_EXHAUSTED', /1025 bytes.*1024/],
    ['while True: yield b"x" * 100', 'RESOURCE_EXHAUSTED', /1100 bytes.*1024/],
  ]);
});

/** Raises four exceptions, each with the one before as its context. */
const chainedNuls = `
def f(depth):
  try:
    if depth > 0: f(depth - 1)
  finally:
    raise ValueError("\\x00" * 9000)
f(3)`;

test('whatever is raised is an answer, not a crash', { skip }, async (t) => {
  await assertFailures(await startPool(t, evaluating, python), [
    ['raise ValueError("plain")', 'UNKNOWN', /^plain$/],
    ['raise KeyError("k")', 'UNKNOWN', /^KeyError: 'k'$/],
    ['raise ValueError()', 'UNKNOWN', /^ValueError$/],
    ['raise KeyboardInterrupt()', 'UNKNOWN', /^KeyboardInterrupt$/],
    ['raise StopIteration("s")', 'UNKNOWN', /^s$/],
    ['class E(Exception):\n  def __str__(self): raise self\nraise E()', 'UNKNOWN', /^E, which cannot be described$/],
    ['import pickle\npickle.loads(b"rubbish")', 'UNKNOWN', /unpickling stack underflow|invalid load key/],
    ['return b"x" * (1 << 62)', 'UNKNOWN', /^(MemoryError|.*memory.*)$/i],
    ['def f(): f()\nf()', 'UNKNOWN', /maximum recursion depth exceeded/],
    ['from dcf_worker import DcfError\nraise DcfError("NOT_FOUND", "not here")', 'NOT_FOUND', /^not here$/],
    ['from dcf_worker import DcfError\nraise DcfError("NONE", "x")', 'UNKNOWN', /'NONE' is not a gRPC status code; use one of: /],
    ['req.json()', 'INVALID_ARGUMENT', /^the input is not valid JSON: /],
    ['raise ValueError("x" * 1000000)', 'UNKNOWN', /^x{3000,4200} … \(cut\)$/],
    ['raise ValueError("half \\ud800, \\x00")', 'UNKNOWN', /^half \ufffd, \0$/],
    ['raise ValueError("\\x01" * 5000 + "\\u2603" * 9000)', 'UNKNOWN', /cut/],
    // JSON writes each NUL with six bytes.
    [chainedNuls, 'UNKNOWN', /^\0+ … \(cut\)$/],
    ['from dcf_worker import DcfError\nraise DcfError("ABORTED", "long", "r" * 70000)', 'ABORTED', /^long$/],
    ['yield b"a"\nraise ValueError("after a chunk")', 'UNKNOWN', /^after a chunk$/],
  ]);
});

test('what a request has', { skip }, async (t) => {
  const { call } = await startPool(t, evaluating, python);
  assert.equal(await call('return req.id', { requestId: 'mine' }).text, 'mine');
  assert.equal(await call('return req.metadata').text, '{}');
  assert.equal(await call('return [type(req.input).__name__, req.cancelled]').text, '["bytes",false]');
  assert.equal(await call('return 20 < req.remaining <= 30').text, 'true', "the manifest's timeout");
  const source = 'import time\nreturn [0 < req.remaining <= 10, 0 < req.deadline - time.time() <= 10]';
  assert.equal(await call(source, { timeoutMs: 10_000 }).text, '[true,true]');
});

test('bodies of many megabytes, in and out', { skip }, async (t) => {
  const { call } = await startPool(t, 'class Handler:\n    def __call__(self, req): return req.input\n', python);
  for (const size of [65_000, 70_000, 140_000, 1 << 20, (32 << 20) + 1]) {
    const input = Buffer.alloc(size, String(size));
    const outcome = await call(input).outcome;
    assert.ok(outcome.ok);
    assert.ok(input.equals(outcome.output), `${size} bytes`);
  }
});

const forms: [what: string, source: string, output: string, settings?: object][] = [
  ['__init__(self)', 'class Handler:\n  def __init__(self): self.x = "own"\n  def __call__(self, req): return self.x', 'own'],
  [
    '__init__(self, parameters)',
    'class Handler:\n  def __init__(self, parameters): self.x = parameters\n  def __call__(self, req): return self.x',
    '{"a":1}',
  ],
  [
    '__init__(self, config), which has no name of ours',
    'class Handler:\n  def __init__(self, config): self.x = config\n  def __call__(self, req): return self.x',
    '{"a":1}',
  ],
  [
    '__init__(self, parameters=None) and call(self, req)',
    'class Handler:\n  def __init__(self, parameters=None): self.x = parameters\n  def call(self, req): return self.x',
    '{"a":1}',
  ],
  [
    '__init__(self, context, other=1)',
    'class Handler:\n  def __init__(self, context, other=1): self.x = context\n  def __call__(self, req): return [self.x.function, self.x.parameters, self.x.worker]',
    '["tested",{"a":1},0]',
  ],
  [
    'a class that inherits all of it',
    'class Base:\n  def __init__(self, parameters): self.x = parameters["a"]\n  def __call__(self, req): return self.x\nclass Handler(Base): pass',
    '1',
  ],
  [
    'init, and async init of a Handler that is not async',
    'class Handler:\n  async def init(self): self.x = "ready"\n  def __call__(self, req): return self.x',
    'ready',
  ],
  ['a function', 'def Handler(req): return req.input + b"!"', 'in!'],
  ['a generator function', 'def Handler(req):\n  for chunk in req.chunks:\n    yield chunk\n    yield "!"', 'in!'],
  [
    'a decorated function',
    'import functools\ndef d(f):\n  @functools.wraps(f)\n  def g(*a): return f(*a)\n  return g\n@d\ndef Handler(req): return "d"',
    'd',
  ],
  [
    'async def',
    'import asyncio\nclass Handler:\n  async def init(self): self.x = "a"\n  async def __call__(self, req):\n    await asyncio.sleep(0)\n    return self.x + req.text()',
    'ain',
  ],
  [
    'an async generator',
    'class Handler:\n  async def __call__(self, req):\n    async for chunk in req.chunks: yield chunk\n    yield b"!"',
    'in!',
  ],
  [
    'the pair',
    'state = []\ndef initializer(context): state.append(context.parameters["a"])\ndef handler(event, context): return [state, event.decode(), context.request_id, context.function]',
    '[[1],"in","call-1","tested"]',
    { handler: 'handler.handler', initializer: 'handler.initializer' },
  ],
  [
    'the pair, async',
    'async def handler(event, context): return [event.decode(), context.request_id]',
    '["in","call-1"]',
    { handler: 'handler.handler' },
  ],
];

for (const [what, source, output, settings] of forms) {
  test(`a Handler: ${what}`, { skip }, async (t) => {
    const { call } = await startPool(t, source, { ...python, parameters: { a: 1 }, ...settings });
    assert.equal(await call('in').text, output);
  });
}
