import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PoolSettings, startPool } from '../support/pool.js';
import { eventually, isAlive } from '../support/processes.js';
import { noPython } from '../support/pythons.js';

const skip = noPython;
const python = { runtime: 'python' } as const;

const mebibyte = 1024 * 1024;

/** Two children log every two milliseconds for as long as their parent is there; each call answers with one MiB of its input. */
const loggingChildren = (start: string): string => `
import logging, multiprocessing, os, sys, threading, time
log = logging.getLogger("feeder")
def feed(index):
  parent = os.getppid()
  while os.getppid() == parent:
    print("printed by child", index)
    log.warning("logged by child %d", index)
    time.sleep(0.002)
class Handler:
  def init(self):
    for index in range(2):
      ${start}
  def __call__(self, req): return req.input * ${mebibyte}
`;

const starts: [how: string, start: string][] = [
  ['os.fork', 'if os.fork() == 0:\n        feed(index)\n        os._exit(0)'],
  ['multiprocessing', 'multiprocessing.get_context("fork").Process(target=feed, args=(index,), daemon=True).start()'],
];

for (const [how, start] of starts) {
  test(`children of ${how} that log beside replies of 1 MiB: every byte is right, and the log has what they say`, { skip }, async (t) => {
    const { call, lines, line } = await startPool(t, loggingChildren(start), { ...python, concurrency: 2 });
    for (const index of [0, 1]) for (const verb of ['printed', 'logged']) await line(new RegExp(`^${verb} by child ${index}$`));
    for (let round = 0; round < 60; round++) {
      const letter = 'abcdefghij'[round % 10] ?? '';
      assert.ok((await call(letter).text) === letter.repeat(mebibyte), `call ${round} has wrong bytes`);
    }
    assert.deepEqual([...new Set(lines.map(({ callId }) => callId))], ['']);
    assert.deepEqual([...new Set(lines.map(({ text }) => text.replace(/[01]$/, '?')))].sort(), ['logged by child ?', 'printed by child ?']);
  });
}

test('a child that is forked while other threads print and log prints and logs itself, every time', { skip }, async (t) => {
  const source = `
import logging, os, sys, threading
log = logging.getLogger("busy")
def busy():
  while True:
    print("x" * 1000, file=sys.stderr)
    log.info("y" * 1000)
class Handler:
  def init(self):
    for _ in range(3): threading.Thread(target=busy, daemon=True).start()
  def __call__(self, req):
    print("forks", end=" ")
    for _ in range(50):
      child = os.fork()
      if child == 0:
        print("from the child")
        log.warning("from the child")
        os._exit(7)
      assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    return "all"
`;
  const { call } = await startPool(t, source, python);
  for (let round = 0; round < 4; round++) assert.equal(await call('', { timeoutMs: 60_000 }).text, 'all');
});

/** What a Handler does with a start method of multiprocessing, in each way that its calls may run. */
const starting = `
import asyncio, concurrent.futures, multiprocessing, os, sys
class Doubled:
  def __init__(self, number): self.number = 2 * number
def double(number):
  print("doubles", number)
  return Doubled(number)
def put(queue, number): queue.put(double(number))
def everything(method, executor=False):
  context = multiprocessing.get_context(method)
  queue = context.Queue()
  process = context.Process(target=put, args=(queue, 1))
  process.start()
  answers = [queue.get().number]
  process.join()
  with context.Pool(2) as pool: answers += [found.number for found in pool.map(double, [2, 3])]
  if executor:
   with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool: answers.append(pool.submit(double, 4).result().number)
  return answers
`;
const answering: [kind: string, handler: string, settings: PoolSettings][] = [
  ['a call', 'def Handler(req): return everything(req.text(), True)[:3]', {}],
  ['a call in a thread', 'def Handler(req): return everything(req.text())', { concurrency: 2 }],
  ['a coroutine', 'async def Handler(req): return everything(req.text())', {}],
  [
    'a thread of a coroutine',
    'async def Handler(req): return await asyncio.get_running_loop().run_in_executor(None, everything, req.text())',
    {},
  ],
  ['one of two worker processes', 'def Handler(req): return everything(req.text())', { threads: 2 }],
  [
    'init',
    'class Handler:\n  def init(self): self.all = {method: everything(method) for method in ("fork", "spawn", "forkserver")}\n  def __call__(self, req): return self.all[req.text()]',
    {},
  ],
];

for (const [kind, handler, settings] of answering) {
  test(`multiprocessing in ${kind}: every start method answers, and their prints are logged`, { skip }, async (t) => {
    const { call, lines } = await startPool(t, starting + handler, { ...python, ...settings });
    for (const method of ['fork', 'spawn', 'forkserver']) {
      assert.equal(await call(method, { timeoutMs: 60_000 }).text, '[2,4,6]', method);
    }
    await eventually('all of the prints are there', () => lines.filter(({ text }) => /^doubles [123]$/.test(text)).length === 9);
  });
}

/** Each statement runs in a forked child; how the child ends is the answer, and whether the Handler answers in its place. */
const childEnds: [what: string, statement: string, exit: number, logged: RegExp | undefined][] = [
  ['returns from the Handler', 'return "from the child"', 0, undefined],
  ['returns what is no reply', 'return None', 0, undefined],
  ['raises', 'raise RuntimeError("raised in the child")', 1, /^RuntimeError: raised in the child$/],
  ['calls sys.exit', 'sys.exit(3)', 3, undefined],
  ['calls sys.exit with words', 'sys.exit("words of the child")', 1, /^words of the child$/],
  ['calls os._exit', 'os._exit(4)', 4, undefined],
  [
    'calls another function',
    'context.call("other", b"")',
    1,
    /^dcf_worker\.DcfError: other cannot be called from a process that the Handler has forked/,
  ],
  ['asks whether the caller has gone', 'os._exit(6 if req.cancelled else 5)', 5, undefined],
  ['forks again', 'os._exit(0 if os.fork() == 0 else os.waitstatus_to_exitcode(os.wait()[1]) + 8)', 8, undefined],
];

const childKinds: [kind: string, head: string, settings: PoolSettings][] = [
  ['', 'def', {}],
  [' in a thread', 'def', { concurrency: 2 }],
  [' in a coroutine', 'async def', {}],
];

for (const [kind, head, settings] of childKinds) {
  test(`a forked child${kind} that comes to its end, in whatever way, leaves its parent's call and stream alone`, { skip }, async (t) => {
    const source = `
import asyncio, atexit, os, sys
atexit.register(lambda: print("at exit in", os.getpid()))
class Handler:
  def __init__(self, context): self.context = context
  ${head} __call__(self, req):
    context = self.context
    ready, done = os.pipe()
    child = os.fork()
    if child == 0:
${childEnds.map(([what, statement]) => `      if req.text() == "${what}": ${statement}\n`).join('')}
${head === 'def' ? '' : '      if req.text() == "awaits": await asyncio.sleep(0)\n'}
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
  def close(self): print("closed in", os.getpid())
`;
    const tested = await startPool(t, source, { ...python, ...settings });
    const pid = tested.pool.snapshot().replicas[0]?.pid;
    for (const [what, , exit, logged] of childEnds) {
      assert.equal(await tested.call(what, { timeoutMs: 20_000 }).text, String(exit), what);
      if (logged !== undefined) await tested.line(logged);
    }
    if (head !== 'def') {
      assert.equal(await tested.call('awaits', { timeoutMs: 20_000 }).text, '1');
      await tested.line(/cannot await: the event loop belongs to its parent/);
    }
    assert.equal(tested.pool.snapshot().replicas[0]?.pid, pid);
    await tested.pool.stop(10_000);
    const ends = tested.lines.map(({ text }) => text).filter((text) => / in \d+$/.test(text));
    assert.deepEqual(ends, [`closed in ${pid}`, `at exit in ${pid}`]);
  });
}

test('no program that a function starts gets the stream, and a forked child has let go of it', { skip }, async (t) => {
  const source = `
import os, pty, subprocess, sys
show = "import os; print(sorted(os.readlink('/proc/self/fd/' + fd) for fd in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/' + fd)))"
def in_child(fork):
  ready, done = os.pipe()
  child = fork()
  child, terminal = child if isinstance(child, tuple) else (child, None)
  if child == 0:
    os.write(done, subprocess.run([sys.executable, "-c", show.replace("self", str(os.getpid()))], stdout=subprocess.PIPE).stdout)
    os._exit(0)
  os.close(done)
  with open(ready) as said: text = said.read()
  os.waitpid(child, 0)
  return text
def spawned():
  ready, done = os.pipe()
  pid = os.posix_spawn(sys.executable, [sys.executable, "-c", show], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, done, 1)])
  os.close(done)
  with open(ready) as said: text = said.read()
  os.waitpid(pid, 0)
  return text
def Handler(req):
  stream = os.readlink("/proc/self/fd/3")
  assert stream.startswith("socket:")
  seen = {
    "run": subprocess.run([sys.executable, "-c", show], close_fds=False, stdout=subprocess.PIPE, text=True).stdout,
    "preexec": subprocess.run([sys.executable, "-c", show], close_fds=False, preexec_fn=lambda: print("before it runs"), stdout=subprocess.PIPE, text=True).stdout,
    "popen": os.popen(f'{sys.executable} -c "{show}"').read(),
    "posix_spawn": spawned(),
    "fork": in_child(os.fork),
    "pty.fork": in_child(pty.fork),
  }
  assert all("socket:" in text or "/dev/pts" in text for text in seen.values()), seen
  return [how for how, text in seen.items() if stream in text]
`;
  const { call } = await startPool(t, source, python);
  assert.equal(await call('', { timeoutMs: 30_000 }).text, '[]');
});

/** What is left running when the replica is to end: each has processes, which print their ids. */
const leftRunning: [what: string, start: string][] = [
  ['a process without end', 'multiprocessing.Process(target=endless).start()'],
  ['a daemonic process that does not heed SIGTERM', 'multiprocessing.Process(target=deaf, daemon=True).start()'],
  ['a pool', 'self.pool = multiprocessing.Pool(2); [self.pool.apply_async(endless) for _ in range(2)]'],
  ['an executor of processes', 'self.pool = concurrent.futures.ProcessPoolExecutor(2); [self.pool.submit(endless) for _ in range(2)]'],
  ['an executor of threads', 'self.pool = concurrent.futures.ThreadPoolExecutor(2); [self.pool.submit(endless) for _ in range(2)]'],
  ['forked children of forked children', 'os.fork() or os.fork() or endless()'],
  ['a program in a session of its own', 'subprocess.Popen([sys.executable, "-c", sleeping], start_new_session=True)'],
  ['a program whose parent has gone', 'subprocess.run([sys.executable, "-c", parting, sleeping])'],
];

for (const [what, start] of leftRunning) {
  test(`${what}: the end of the replica is theirs, and does not wait for them`, { skip }, async (t) => {
    const source = `
import concurrent.futures, multiprocessing, os, signal, subprocess, sys, time
sleeping = "import os, time; print('runs', os.getpid(), flush=True); time.sleep(600)"
parting = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1]], start_new_session=True)"
def endless():
  print("runs", os.getpid())
  while True: time.sleep(0.1)
def deaf():
  signal.signal(signal.SIGTERM, signal.SIG_IGN)
  endless()
class Handler:
  def init(self): ${start}
  def __call__(self, req): return b""
`;
    const { pool, call, lines, line } = await startPool(t, source, python);
    await call().text;
    await line(/^runs \d+$/);
    const pids = (): number[] => lines.flatMap(({ text }) => /^runs (\d+)$/.exec(text)?.[1] ?? []).map(Number);
    if (start.includes('range(2)')) await eventually('both run', () => pids().length === 2);
    const before = Date.now();
    await pool.stop(60_000);
    assert.ok(Date.now() - before < 30_000, `it took ${Date.now() - before} ms`);
    await eventually('they are gone', () => !pids().some(isAlive));
  });
}

test('the pattern of a data loader: forked workers with queues, which print, beside a thread that gathers', { skip }, async (t) => {
  const source = `
import multiprocessing, os, queue, threading
def load(wanted, made):
  print("loader runs")
  while True:
    index = wanted.get()
    if index is None: return
    print("loads", index)
    made.put((index, bytes([index]) * 300000))
class Loader:
  def __init__(self, count):
    context = multiprocessing.get_context("fork")
    self.made = context.Queue()
    self.wanted = [context.Queue() for _ in range(2)]
    self.workers = [context.Process(target=load, args=(wanted, self.made), daemon=True) for wanted in self.wanted]
    for worker in self.workers: worker.start()
    for index in range(count): self.wanted[index % 2].put(index)
    self.gathered = queue.Queue()
    self.thread = threading.Thread(target=self.gather, args=(count,), daemon=True)
    self.thread.start()
  def gather(self, count):
    for _ in range(count): self.gathered.put(self.made.get())
  def close(self):
    self.thread.join()
    for wanted in self.wanted:
      wanted.put(None)
      wanted.close()
    for worker in self.workers: worker.join()
class Handler:
  def __call__(self, req):
    loader = Loader(20)
    parts = dict(loader.gathered.get() for _ in range(20))
    loader.close()
    return b"".join(parts[index] for index in range(20))
`;
  const { call, lines } = await startPool(t, source, python);
  const expected = Buffer.concat([...Array(20).keys()].map((index) => Buffer.alloc(300_000, index)));
  for (let round = 0; round < 3; round++) {
    const outcome = await call('', { timeoutMs: 30_000 }).outcome;
    assert.ok(outcome.ok && expected.equals(Buffer.from(outcome.output)));
  }
  await eventually('all prints are there', () => lines.filter(({ text }) => /^loads \d+$/.test(text)).length === 60);
});

test('children that are forked in the middle of a stream and of a call of another function change neither', { skip }, async (t) => {
  const source = `
import os
def forked(context):
  child = os.fork()
  if child == 0:
    print("in a child")
    os._exit(0)
  os.waitpid(child, 0)
class Handler:
  def __init__(self, context): self.context = context
  def __call__(self, req):
    for number in range(20):
      forked(self.context)
      yield self.context.call("other", str(number)) + b";"
      if os.fork() == 0:
        yield b"by a child"
        os._exit(0)
      os.wait()
`;
  const callFunction: PoolSettings['callFunction'] = (nested, settle) => {
    settle({
      ok: true,
      output: Buffer.from(`answer to ${Buffer.from(nested.input).toString()}`),
      headroom: 0,
      kind: 'bytes',
      release: () => undefined,
    });
  };
  const { call } = await startPool(t, source, { ...python, callFunction });
  const expected = [...Array(20).keys()].map((number) => `answer to ${number};`).join('');
  assert.equal(await call('', { timeoutMs: 30_000 }).text, expected);
});
