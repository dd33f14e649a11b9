import assert from 'node:assert/strict';
import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { childrenOf } from '../../../src/process/process-tree.js';
import { failureOf, letGo, startPool, type TestPool } from '../../support/pool.js';
import { eventually, isAlive } from '../../support/processes.js';
import { noPython } from '../../support/pythons.js';

const skip = noPython;
const python = { runtime: 'python' } as const;

/** The lines of a call, without those that belong to none. */
function linesOf({ lines }: TestPool, callId: string): string[] {
  return lines.filter((line) => line.callId === callId).map(({ level, text }) => `${level} ${text}`);
}

const talking = `
import logging, os, sys, ctypes, warnings
print("while it is imported")
log = logging.getLogger("mine")
class Handler:
  def __init__(self, context): self.context = context
  def __call__(self, req):
    print("printed", 1)
    print("two\\nlines", end="")
    print(" and more")
    print("to stderr", file=sys.stderr)
    log.info("info %d", 1)
    log.debug("not shown")
    logging.error("error")
    self.context.logger.debug("debug")
    sys.stdout.buffer.write(b"bytes\\n")
    print("unfinished", end="")
    os.write(1, b"written to descriptor 1\\n")
    ctypes.CDLL(None).puts(b"printed by C")
    ctypes.CDLL(None).fflush(None)
    return b""
`;

test('print and logging reach the log with the id of the call; what C prints reaches it without', { skip }, async (t) => {
  const tested = await startPool(t, talking, python);
  await tested.call('', { requestId: 'talks' }).text;
  for (const text of [/^while it is imported$/, /^written to descriptor 1$/, /^printed by C$/])
    assert.equal((await tested.line(text)).callId, '', String(text));
  assert.deepEqual(linesOf(tested, 'talks'), [
    'info printed 1',
    'info two',
    'info lines and more',
    'warn to stderr',
    'info info 1',
    'error error',
    'debug debug',
    'info bytes',
    'info unfinished',
  ]);
});

test('logging that the function sets up itself is as it wants it', { skip }, async (t) => {
  const source =
    'import logging\nlogging.basicConfig(level=logging.DEBUG, format="%(levelname)s: %(message)s")\ndef Handler(req):\n  logging.debug("here")\n  return b""';
  const tested = await startPool(t, source, python);
  await tested.call('', { requestId: 'one' }).text;
  assert.deepEqual(linesOf(tested, 'one'), ['debug DEBUG: here']);
});

/** Each call says its input, waits until all of them are there, and says it again. */
const meeting: [kind: string, source: string][] = [
  [
    'threads',
    'import threading\nmet = threading.Barrier(3)\ndef Handler(req):\n  print("a", req.text())\n  met.wait(20)\n  print("b", req.text())\n  return req.input',
  ],
  [
    'tasks',
    'import asyncio\nhere = []\nmet = asyncio.Event()\nclass Handler:\n  async def __call__(self, req):\n    print("a", req.text())\n    here.append(1)\n    if len(here) == 3: met.set()\n    await met.wait()\n    print("b", req.text())\n    return req.input',
  ],
];

for (const [kind, source] of meeting) {
  test(`calls at the same time in one Handler, in ${kind}, each with its own lines`, { skip }, async (t) => {
    const tested = await startPool(t, source, { ...python, concurrency: 3 });
    const names = ['x', 'y', 'z'];
    const texts = await Promise.all(names.map((name) => tested.call(name, { requestId: name }).text));
    assert.deepEqual(texts, names);
    for (const name of names) assert.deepEqual(linesOf(tested, name), [`info a ${name}`, `info b ${name}`]);
  });
}

for (const [kind, head] of [
  ['', 'def'],
  [', async', 'async def'],
] as const) {
  test(`batches${kind}: one reply each, an exception in the place of one, too few`, { skip }, async (t) => {
    const source = `
class Handler:
  def __call__(self, req): return b"never"
  ${head} call_batch(self, reqs):
    texts = [req.text() for req in reqs]
    if "few" in texts: return []
    if "raise" in texts: raise RuntimeError("all of them")
    return [ValueError("this one") if text == "bad" else {"n": len(reqs), "text": text} for text in texts]
`;
    const { call } = await startPool(t, source, { ...python, batch: { maxSize: 3, maxDelay: '20s' } });
    const outcomes = await Promise.all(['a', 'bad', 'c'].map((text) => call(text).outcome));
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.ok ? Buffer.from(outcome.output).toString() : `${outcome.error.code} ${outcome.error.message}`)),
      ['{"n":3,"text":"a"}', 'UNKNOWN this one', '{"n":3,"text":"c"}'],
    );
    for (const [text, code, message] of [
      ['few', 'INTERNAL', /call_batch returned 0 replies for 3 requests/],
      ['raise', 'UNKNOWN', /^all of them$/],
    ] as const) {
      for (const outcome of await Promise.all([text, 'b', 'c'].map((each) => call(each).outcome))) {
        assert.equal(failureOf(outcome).code, code);
        assert.match(failureOf(outcome).message, message);
      }
    }
  });
}

const forked = `
import os, signal, sys, time
class Handler:
  def __init__(self, context): self.worker = context.worker
  def __call__(self, req):
    what = req.text()
    if what == "exit": sys.exit(0)
    if what == "exit 5": os._exit(5)
    if what == "kill": os.kill(os.getpid(), signal.SIGSEGV)
    while what.startswith("hold") and not os.path.exists(what[5:] + ".go"): time.sleep(0.002)
    return [self.worker, os.getpid()]
  def close(self): print("closed", self.worker)
`;

test('threads: a process for each worker, which close and end together', { skip }, async (t) => {
  const tested = await startPool(t, forked, { ...python, threads: 3 });
  const { pool, call, folder } = tested;
  const held = ['hold a', 'hold a', 'hold a'].map((text) => call(text).text);
  await eventually('all three are busy', () => pool.snapshot().replicas[0]?.running === 3);
  await letGo(folder, 'a');
  const answers: [number, number][] = (await Promise.all(held)).map((text) => JSON.parse(text));
  assert.deepEqual(answers.map(([worker]) => worker).sort(), [0, 1, 2]);
  const pids = answers.map(([, pid]) => pid);
  assert.equal(new Set(pids).size, 3);
  await pool.stop(10_000);
  assert.deepEqual(pids.filter(isAlive), []);
  const closed = tested.lines.map(({ text }) => text).filter((text) => text.startsWith('closed'));
  assert.deepEqual(closed.sort(), ['closed 0', 'closed 1', 'closed 2']);
});

for (const [input, reason] of [
  ['exit', 'exit:0'],
  ['exit 5', 'exit:5'],
  ['kill', 'signal:SIGSEGV'],
] as const) {
  test(`threads: one process that ends takes the others along, and the replica ends with ${reason}`, { skip }, async (t) => {
    const { pool, call } = await startPool(t, forked, { ...python, threads: 2 });
    const pid = pool.snapshot().replicas[0]?.pid ?? 0;
    const before = [pid, ...childrenOf(pid)];
    assert.equal(before.length, 3);
    const held = call('hold for ever');
    await eventually('it is held', () => pool.snapshot().replicas[0]?.running === 1);
    assert.equal(failureOf(await call(input).outcome).reason, reason);
    assert.equal(failureOf(await held.outcome).reason, reason);
    await eventually('all of them are gone', () => !before.some(isAlive));
    assert.match(await call('next').text, /^\[[01],\d+\]$/);
  });
}

test('sys.exit in one of several threads ends the process', { skip }, async (t) => {
  const { call } = await startPool(t, forked, { ...python, concurrency: 2 });
  const error = failureOf(await call('exit').outcome);
  assert.deepEqual([error.code, error.reason], ['INTERNAL', 'exit:0']);
});

test('what fails in a thread where nobody catches it: a line in the log, and a new replica', { skip }, async (t) => {
  const source =
    'import threading, os\ndef fail(): raise RuntimeError("in a thread")\ndef Handler(req):\n  if req.text() == "thread": threading.Thread(target=fail, name="mine").start()\n  return str(os.getpid())';
  const { pool, call, line } = await startPool(t, source, python);
  const pid = await call('thread').text;
  assert.match((await line(/uncaught exception in mine/)).text, /RuntimeError: in a thread/);
  await eventually(
    'it is replaced',
    () => pool.snapshot().replicas.every((replica) => String(replica.pid) !== pid) && pool.snapshot().replicas.length > 0,
  );
  assert.notEqual(await call('').text, pid);
});

test('the caller gives up: an async call is cancelled, one that looks finds out', { skip }, async (t) => {
  const source = `
import asyncio, os, time
class Handler:
  async def __call__(self, req):
    if req.text() != "wait": return str(os.getpid())
    print("waits")
    try: await asyncio.Event().wait()
    finally: print("is cancelled")
`;
  const later = await startPool(t, source, python);
  const pid = await later.call('').text;
  const waiting = later.call('wait');
  await later.line(/^waits$/);
  waiting.cancel();
  await later.line(/^is cancelled$/);
  assert.equal(await later.call('').text, pid);

  const looking =
    'import os, time\ndef Handler(req):\n  if req.text() != "wait": return str(os.getpid())\n  print("looks")\n  while not req.cancelled: time.sleep(0.001)\n  print("has seen it")\n  return b""';
  for (const concurrency of [1, 2]) {
    const tested = await startPool(t, looking, { ...python, concurrency });
    const before = await tested.call('').text;
    const called = tested.call('wait');
    await tested.line(/^looks$/);
    called.cancel();
    await tested.line(/^has seen it$/);
    assert.equal(await tested.call('').text, before);
  }
});

test('close is called before the worker ends, and what was registered at exit', { skip }, async (t) => {
  const source =
    'import atexit, os\natexit.register(lambda: open("atexit", "w").close())\nclass Handler:\n  def __call__(self, req): return b""\n  def close(self): open("closed", "w").write("x")';
  const { pool, folder } = await startPool(t, source, python);
  await pool.stop(10_000);
  assert.equal(await readFile(join(folder, 'closed'), 'utf8'), 'x');
  await access(join(folder, 'atexit'));
});

const unbuildable: [what: string, source: string, message: RegExp, stack: RegExp][] = [
  [
    'does not parse',
    'class Handler:\n  def __call__(self, req) return 1',
    /(expected ':'|invalid syntax) \(handler\.py, line 2\)/,
    /handler\.py", line 2/,
  ],
  ['cannot be imported', 'import nothing_of_that_name', /^.*No module named 'nothing_of_that_name'/, /handler\.py", line 1/],
  [
    'does not define the Handler',
    'class Other: pass\ndef helper(): pass',
    /handler\.py does not define Handler; it defines: Other, helper/,
    /./,
  ],
  ['defines a Handler that is none', 'Handler = 3', /defines Handler, which is not a class or a function/, /./],
  ['has a Handler that cannot be called', 'class Handler: pass', /needs a method __call__\(self, req\)/, /./],
  [
    'has a Handler that asks for too much',
    'class Handler:\n  def __init__(self, parameters, other): pass',
    /there is no value for other/,
    /./,
  ],
  [
    'has a function that asks for too much',
    'def Handler(a, b, c): pass',
    /is declared as Handler\(a, b, c\), which cannot be called: declare it as Handler\(req\) or Handler\(req, context\)$/,
    /./,
  ],
  ['raises in __init__', 'class Handler:\n  def __init__(self): raise ValueError("no weights")', /no weights/, /in __init__/],
  [
    'raises in init',
    'class Handler:\n  def init(self): raise ValueError("no weights")\n  def __call__(self, req): pass',
    /no weights/,
    /in init/,
  ],
  ['calls sys.exit', 'import sys\nsys.exit(3)', /the function called sys\.exit\(3\) while its Handler was being built/, /./],
  ['calls sys.exit in __init__', 'class Handler:\n  def __init__(self): raise SystemExit("bye")', /sys\.exit\('bye'\)/, /in __init__/],
];

for (const [what, source, message, stack] of unbuildable) {
  test(`a function that ${what} is not built, and says why`, { skip }, async (t) => {
    const error = await startPool(t, source, python).then(
      () => assert.fail('it was built'),
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof Error && error.cause instanceof Error);
    assert.match(error.message, message);
    assert.match(error.cause.stack ?? '', stack);
    assert.doesNotMatch(error.cause.stack ?? '', /dcf_worker\//, 'our own frames');
  });
}

test('modules beside the handler, also of names that the standard library has', { skip }, async (t) => {
  const source = 'from helper import shout\ndef Handler(req): return shout(req.text())';
  const { folder, pool, call } = await startPool(t, 'def Handler(req): return b"first"', python);
  await writeFile(join(folder, 'helper.py'), 'def shout(text): return text.upper()');
  await writeFile(join(folder, 'handler.py'), source);
  process.kill(pool.snapshot().replicas[0]?.pid ?? 0, 'SIGKILL');
  await eventually('the new one answers', async () => (await call('a').text.catch(() => '')) === 'A');
});
