import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../../support/programs.js';
import { runPython, withoutPython } from '../../support/python.js';

const skip = withoutPython('json');
const settings = { path: [join(root, 'src/runtimes/python')] };

test('what a thread leaves to one that is writing is written, in whatever way that one writes', { skip }, async () => {
  const program = `
import json, socket, threading
from dcf_worker.wire.link import Link

def written(write):
    near, far = socket.socketpair()
    link = Link(near.fileno())
    plain = link._write
    def writing(data):
        # Another thread ends its call just now.
        link._write = plain
        thread = threading.Thread(target=link.send_soon, args=(b"left", b""))
        thread.start()
        thread.join()
        plain(data)
    link._write = writing
    write(link)
    far.setblocking(False)
    return far.recv(100_000).decode()[-4:]
print(json.dumps([
    written(lambda link: link.send(b"sent")),
    written(lambda link: link.send(b"head", b"body" * 10_000)),
    written(lambda link: link.send_soon(b"soon", b"")),
]))`;
  assert.deepEqual(await runPython(program, settings), ['left', 'left', 'left']);
});

test('a signal handler that prints while its thread writes neither waits for that nor breaks a frame', { skip }, async () => {
  const program = `
import json, signal, socket
from dcf_worker.wire.link import Link

def written(write):
    near, far = socket.socketpair()
    link = Link(near.fileno())
    signal.signal(signal.SIGUSR1, lambda *_: link.send(b"[signal]"))
    plain = link._write
    def interrupted(data):
        link._write = plain
        plain(data[:3])
        signal.raise_signal(signal.SIGUSR1)
        plain(data[3:])
    link._write = interrupted
    write(link)
    far.setblocking(False)
    return far.recv(100_000).decode().replace("body" * 10_000, "body")
signal.alarm(10)
print(json.dumps([
    written(lambda link: link.send(b"[sent]")),
    written(lambda link: link.send(b"[head", b"body" * 10_000 + b"]")),
    written(lambda link: link.send_soon(b"[soon", b"]")),
]))`;
  assert.deepEqual(await runPython(program, settings), ['[sent][signal]', '[headbody][signal]', '[soon][signal]']);
});
