import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../../support/programs.js';
import { runPython, withoutPython } from '../../support/python.js';

test('a worker with threads does not end while it begins a call that was sent ahead', { skip: withoutPython('json') }, async () => {
  const program = `
import json, threading
from types import SimpleNamespace
from dcf_worker.calls.threaded import ThreadedCalls
from dcf_worker.wire.frames import HEAD
from dcf_worker.wire.messages import ANNOUNCE, CALL, STARTED

running, beginning, go = threading.Event(), threading.Event(), threading.Event()
polls, answered = [], []

class Link:
    ended = False
    def send(self, frame):
        # The thread is slow between taking the call from the queue and running it.
        if HEAD.unpack_from(frame)[2] == STARTED:
            beginning.set()
            go.wait()
    def send_soon(self, head, _body):
        answered.append(HEAD.unpack_from(head)[4])
    def poll(self, _timeout_ms):
        assert beginning.wait(10)
        polls.append(calls._busy)
        if len(polls) > 1: go.set()

target = SimpleNamespace(handle=lambda req: running.wait(10) and b"", call_batch=None)
calls = ThreadedCalls(target, Link(), SimpleNamespace(pending={}), {"maxPayload": 1, "concurrency": 1, "maxBatch": 1})
calls.take(CALL, 0, 6, 0, b"", b"")
calls.take(CALL, ANNOUNCE, 7, 0, b"", b"")
running.set()
calls.leaving = True
calls.serve()
print(json.dumps(answered))`;
  assert.deepEqual(await runPython(program, { path: [join(root, 'src/runtimes/python')] }), [6, 7]);
});
