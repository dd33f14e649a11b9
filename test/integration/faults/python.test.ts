import assert from 'node:assert/strict';
import { faults } from '../../support/faults/fault-matrix.js';
import { busyReplica, failsAndLives, fillsMemory, newRevisionFails, noticesItsDeadline, oneOfTwoEnds } from '../../support/faults/plays.js';
import { assertReply } from '../../support/faults/scene.js';
import type { DeploySettings } from '../../support/functions.js';
import { eventually } from '../../support/processes.js';
import { noPython } from '../../support/pythons.js';

const skip = { skip: noPython === false ? undefined : noPython };
const python = { runtime: 'python' } as const;

/** A Handler that runs a statement when it is told `die`, waits until it is cancelled when it is told `wait`, and echoes otherwise. */
function dying(statement: string, kind: 'def' | 'async def' = 'def'): string {
  const waiting = kind === 'def' ? 'time.sleep(0.001)' : 'await asyncio.sleep(0.001)';
  return `
import asyncio, ctypes, os, signal, struct, sys, threading, time
class Handler:
  ${kind} __call__(self, req):
    if req.text() == "die": ${statement}
    # Its own clock may be ahead of the daemon's: it goes on until the daemon has said so.
    while req.text() in ("die", "wait") and not (req.cancelled and req.was_cancelled): ${waiting}
    return req.input
`;
}

const frame = (type: number, id: number): string => `struct.pack("<IHBBII", 0, 0, ${type}, 0, ${id}, 0)`;

const ends: [fault: string, statement: string, reason: RegExp][] = [
  ['`sys.exit(0)`', 'sys.exit(0)', /^exit:0$/],
  ['`sys.exit()` with words, in a Handler that is `async`', 'sys.exit("words")', /^exit:1$/],
  ['`os._exit(7)`', 'os._exit(7)', /^exit:7$/],
  ['`os.abort()`', 'os.abort()', /^signal:SIGABRT$/],
  ['a segfault in C', 'ctypes.string_at(0)', /^signal:SIGSEGV$/],
  ['descriptor 3 closed', 'os.close(3)', /^(stream-closed|exit:\d+)$/],
  ['rubbish written to descriptor 3', 'os.write(3, b"x" * 64)', /^protocol$/],
  ['an answer on descriptor 3 to a call that it never had', `os.write(3, ${frame(5, 200)})`, /^protocol$/],
  ['the end in the middle of a message', `os.write(3, ${frame(5, 1)}[:9]); os._exit(0)`, /^(protocol|exit:0)$/],
];

faults('What a Python Handler does to its process', {}, (row) => {
  const expected = 'INTERNAL with the reason; the calls in the queue are answered by others; the replica is replaced';
  for (const [fault, statement, reason] of ends) {
    const kind = fault.includes('async') ? 'async def' : 'def';
    row(`Python: ${fault}`, expected, (scene) => oneOfTwoEnds(scene, dying(statement, kind), reason, python), skip);
  }

  row(
    'Python: SIGKILL from outside, during a call',
    expected,
    (scene) =>
      oneOfTwoEnds(scene, dying('pass'), /^signal:SIGKILL$/, {
        ...python,
        kill: async () => void process.kill(await busyReplica(scene), 'SIGKILL'),
      }),
    skip,
  );

  row(
    'Python: memory grows over `limits.memory`',
    'INTERNAL with the reason `memory`; the calls in the queue are answered by others; the replica is replaced',
    (scene) => {
      const source =
        'import time\ndef Handler(req):\n  kept = []\n  while req.text() == "fill":\n    kept.append(bytearray(b"x" * (8 << 20)))\n    time.sleep(0.01)\n  return req.input';
      return fillsMemory(scene, source, /more memory than limits\.memory allows: 256 MiB/, python);
    },
    skip,
  );
});

/** A Handler that fails in one way, but answers `ping`. */
function failing(statement: string): string {
  return `
import pickle
from dcf_worker import DcfError
class Handler:
  answered = 0
  def __call__(self, req):
    if req.text() == "ping":
      self.answered += 1
      return self.answered
    ${statement}
`;
}

const answers: [fault: string, statement: string, code: string, details: RegExp, settings?: DeploySettings][] = [
  ['raises', 'raise ValueError("it does not work")', 'UNKNOWN', /^it does not work$/],
  ['raises an exception with a message of 1 MB', 'raise ValueError("x" * 1000000)', 'UNKNOWN', /^x{3000,4200} … \(cut\)$/],
  ['raises a `DcfError`', 'raise DcfError("ALREADY_EXISTS", "a code of its own")', 'ALREADY_EXISTS', /^a code of its own$/],
  [
    'is sent a pickle that is rubbish',
    'pickle.loads(req.input)',
    'UNKNOWN',
    /unpickling stack underflow|pickle data was truncated|invalid load key/,
  ],
  ['has no memory for what it asks for', 'return bytes(1 << 62)', 'UNKNOWN', /MemoryError/],
  ['recurses without end', 'return self("deeper")', 'UNKNOWN', /./],
  ['returns nothing', 'return None', 'INTERNAL', /returned nothing \(None\)/],
  ['returns what JSON cannot write', 'return {"scores": [1j]}', 'INTERNAL', /reply\["scores"\]\[0\] is of type complex: write/],
  ['returns more than `limits.payload`', 'return b"x" * 1025', 'RESOURCE_EXHAUSTED', /1025 bytes.*1024/, { limits: { payload: '1KiB' } }],
];

faults('What a Python Handler answers', {}, (row) => {
  for (const [fault, statement, code, details, settings] of answers) {
    row(
      `A Python Handler ${fault}`,
      `${code}, with its own words; the worker is kept`,
      async (scene) => {
        await scene.deploy(failing(statement), { ...python, ...settings });
        await failsAndLives(scene, code, details);
      },
      skip,
    );
  }
});

/** Two children that print and log for as long as their parent is there; what each call does besides it is told. */
const children = `
import logging, os, time
def feed():
  parent = os.getppid()
  while os.getppid() == parent:
    print("a child prints", flush=True)
    logging.warning("a child logs")
    time.sleep(0.002)
class Handler:
  def init(self):
    for _ in range(2):
      if os.fork() == 0: feed()
  def __call__(self, req):
    what = req.text()
    if what.startswith("child") and os.fork() == 0:
      if what == "child raises": raise RuntimeError("in a child")
      return b"by a child"
    return req.input
`;

faults('What the children of a Python Handler do', {}, (row) => {
  row(
    'Children that a Python Handler has forked print and log beside replies of 1 MiB',
    'Every reply is right; the log has what the children say, without the id of a call',
    async (scene) => {
      await scene.deploy(children, python);
      const worker = await scene.replica();
      for (let round = 0; round < 30; round++) {
        const text = String.fromCharCode(97 + (round % 26)).repeat(1024 * 1024);
        await scene.expect(text, { code: 'OK', text });
      }
      assert.equal(await scene.replica(), worker);
    },
    skip,
  );

  for (const [fault, input] of [
    ['returns from the Handler', 'child returns'],
    ['raises', 'child raises'],
  ] as const) {
    row(
      `A child that a Python Handler has forked ${fault}`,
      'The call has the answer of the Handler itself; the worker is kept',
      async (scene) => {
        await scene.deploy(children, python);
        const worker = await scene.replica();
        for (let round = 0; round < 20; round++) await scene.expect(input, { code: 'OK', text: input });
        assert.equal(await scene.replica(), worker);
      },
      skip,
    );
  }
});

faults('What never ends in Python', {}, (row) => {
  for (const kind of ['def', 'async def'] as const) {
    row(
      `A Python Handler (\`${kind}\`) never ends, but notices that it is cancelled`,
      'DEADLINE_EXCEEDED; the slot is free, the worker is kept',
      (scene) => noticesItsDeadline(scene, dying('pass', kind), python),
      skip,
    );

    row(
      `A Python Handler (\`${kind}\`) loops without end`,
      'DEADLINE_EXCEEDED; after the grace the replica is killed, and replaced; calls in the queue are answered',
      async (scene) => {
        await scene.deploy(dying('\n      while True: pass', kind), python);
        const before = await scene.replica();
        const spinning = scene.call('die', { timeoutMs: 200 });
        const queued = scene.call('queued');
        assertReply(await spinning, { code: 'DEADLINE_EXCEEDED' });
        assertReply(await queued, { code: 'OK', text: 'queued' });
        await eventually('it is replaced', async () => !(await scene.replicas()).includes(before));
      },
      skip,
    );
  }
});

const refusals: [fault: string, source: string, message: RegExp, settings?: DeploySettings][] = [
  ['does not parse', 'def Handler(req) return 1', /(expected ':'|invalid syntax) \(handler\.py, line 1\)/],
  ['cannot be imported', 'import nothing_of_that_name', /No module named 'nothing_of_that_name'/],
  ['does not define its Handler', 'class Other: pass', /handler\.py does not define Handler; it defines: Other/],
  ['raises when it is built', 'class Handler:\n  def __init__(self): raise ValueError("new and bad")', /new and bad/],
  [
    'raises `SystemExit` when it is built',
    'class Handler:\n  def init(self): raise SystemExit(3)\n  def __call__(self, req): pass',
    /sys\.exit\(3\) while its Handler was being built/,
  ],
  ['calls `os._exit` when it is built', 'import os\nos._exit(7)', /exited with code 7/],
  ['crashes in C when it is built', 'import ctypes\nctypes.string_at(0)', /killed by SIGSEGV/],
  ['loops without end when it is built', 'while True: pass', /initTimeout/, { initTimeout: '600ms' }],
  [
    'crashes in one of two processes when it is built',
    'import os\nclass Handler:\n  def __init__(self, context):\n    if context.worker == 1: os._exit(9)\n  def __call__(self, req): pass',
    /exited with code 9/,
    { threads: 2 },
  ],
];

faults('What a new revision in Python does while it is built', {}, (row) => {
  for (const [fault, source, message, settings] of refusals) {
    row(
      `A new revision in Python ${fault}`,
      'The deploy is FAILED_PRECONDITION with the reason; the revision before serves on, in the same process',
      (scene) => newRevisionFails(scene, source, message, { ...python, ...settings }),
      skip,
    );
  }
});
