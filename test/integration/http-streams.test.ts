import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { temporaryDirectory } from '../support/cleanup.js';
import { startDaemon } from '../support/daemon.js';
import { deploySource } from '../support/functions.js';
import { untilThere } from '../support/gate.js';
import { openHttp, requestHead } from '../support/http-client.js';
import { assertNoMistakes } from '../support/mistakes.js';
import { eventually } from '../support/processes.js';
import { runPython, withoutPython } from '../support/python.js';

const owner = { after };
const daemon = await startDaemon(owner, { args: ['--kill-grace', '300ms', '--max-bytes-in-flight', '8MiB'] });
const node = `
const cases = {
  steps: async function* (request) { for (const text of ['one', 'two', 'three']) { yield text; ${untilThere("request.query.get('place') + text")} } },
  events: (request) => new Response(cases.data(), { headers: { 'content-type': 'text/event-stream' } }),
  data: async function* () { try { yield 'data: 1\\n\\n'; await new Promise(() => undefined); } finally { console.log('never'); } },
  breaks: async function* () { yield 'some'; throw new Error('no more of it'); },
  endless: function* () { let n = 0; try { for (;;) { n += 1; if (n % 50 === 0) console.log('made ' + n); yield Buffer.alloc(10_000); } } finally { console.log('returned after ' + n); } },
  waits: () => new Response(new ReadableStream({ start(to) { to.enqueue('first'); }, cancel() { console.log('was cancelled'); } })),
  silent: async function* (request) { yield 'a'; await new Promise((_go, stop) => request.signal.addEventListener('abort', stop)); },
  beats: async function* (request) { for (let n = 0; n < 12; n += 1) { yield '.'; await new Promise((go) => setTimeout(go, 100)); } yield String(request.deadline.getTime() - Date.now() > 1e6); },
};
export class Handler { call(request) { return cases[request.query.get('do')](request); } }
`;
const python = `
import os, time
def size(req):
    return str(len(req.input))
def steps(req):
    for text in ("one", "two", "three"):
        yield text
        while not os.path.exists(req.query["place"] + text):
            time.sleep(0.005)
def breaks(req):
    yield "some"
    raise ValueError("no more of it")
def endless(req):
    n = 0
    try:
        while True:
            n += 1
            if n % 50 == 0:
                print(f"made {n}")
            yield bytes(10_000)
    finally:
        print(f"returned after {n}")
def beats(req):
    for n in range(12):
        yield "." if not req.cancelled else "!"
        time.sleep(0.1)
    yield "true" if req.remaining > 1e6 else "false"
class Handler:
    def __call__(self, req):
        return globals()[req.query["do"]](req)
`;
await deploySource(owner, daemon, 'node', node, { concurrency: 16 });
await deploySource(owner, daemon, 'python', python, { runtime: 'python' });
await deploySource(owner, daemon, 'short', node, { timeout: '700ms', concurrency: 16 });
await deploySource(owner, daemon, 'short-python', python, { timeout: '700ms', runtime: 'python' });

const post = (path: string): string => requestHead(`POST /functions/${path}`, { 'content-length': 0 });

/** Lines of a function's log. */
async function lines(name: string, text: RegExp): Promise<number> {
  let found = 0;
  for await (const entry of daemon.control.logs({ name })) if (text.test(entry.text)) found += 1;
  return found;
}

const logged = async (name: string, text: RegExp): Promise<boolean> => (await lines(name, text)) > 0;

const idle = (name: string) => eventually(`${name} runs nothing`, async () => (await daemon.control.describe(name)).running === 0);

for (const name of ['node', 'python']) {
  test(`${name}: each chunk goes out as it is made`, async (t) => {
    const { send, socket } = await openHttp(t, daemon.http);
    let came = '';
    socket.on('data', (data: Buffer) => {
      came += data;
    });
    const place = join(await temporaryDirectory(t), 'has-come-');
    send(post(`${name}?do=steps&place=${encodeURIComponent(place)}`));
    for (const text of ['one', 'two', 'three']) {
      await eventually(`${text} has come`, () => came.includes(`\r\n${text}\r\n`));
      await writeFile(place + text, '');
    }
    await eventually('the end is there', () => came.endsWith('\r\n0\r\n\r\n'));
    const [head = '', body] = came.split(/\r\n\r\n(.*)/s);
    assert.match(head, /transfer-encoding: chunked/i);
    assert.equal(body, '3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n');
  });

  test(`${name}: an error after the first chunk ends the connection, so that nobody takes it for the whole; it is logged`, async () => {
    const response = await fetch(`${daemon.http}/functions/${name}?do=breaks`, { method: 'POST' });
    assert.equal(response.status, 200);
    await assert.rejects(response.text(), TypeError);
    await eventually('it is logged', () => logged(name, /no more of it/));
  });

  test(`${name}: over HTTP/1.0, where a body ends with its connection, that is a reset`, { skip: withoutPython() }, async () => {
    // Node itself tells of an end where data and a reset have come together.
    const program = `
import json, socket, sys
connection = socket.create_connection((sys.argv[1], int(sys.argv[2])))
connection.sendall(sys.argv[3].encode())
answer = b""
how = "end"
try:
    while piece := connection.recv(65536):
        answer += piece
except ConnectionResetError:
    how = "reset"
print(json.dumps([how, answer.decode().partition("\\r\\n\\r\\n")[2]]))
`;
    const { hostname, port } = new URL(daemon.http);
    const [how, body] = Object(
      await runPython(program, { args: [hostname, port, post(`${name}?do=breaks`).replace('HTTP/1.1', 'HTTP/1.0')] }),
    );
    assert.equal(how, 'reset');
    // A reset may overtake what was sent.
    assert.ok(['', 'some'].includes(body), body);
  });

  test(`${name}: a reader that does not read holds up the generator, and one that leaves has it return`, async (t) => {
    const { send, socket } = await openHttp(t, daemon.http);
    socket.pause();
    send(post(`${name}?do=endless`));
    let before = 0;
    await eventually('it stands still', async () => {
      const made = await lines(name, /^made /);
      const still = made > 0 && made === before;
      before = made;
      return still;
    });
    assert.equal(await lines(name, /^returned after/), 0);
    socket.destroy();
    await eventually('it has returned', async () => (await lines(name, /^returned after \d{1,4}$/)) === 1);
    await idle(name);
  });
}

for (const name of ['short', 'short-python']) {
  test(`${name}: a stream goes on for longer than the timeout while something moves`, async () => {
    const response = await fetch(`${daemon.http}/functions/${name}?do=beats`, { method: 'POST' });
    assert.equal(await response.text(), `${'.'.repeat(12)}true`);
  });
}

test('server-sent events come at once', async () => {
  const gone = new AbortController();
  const response = await fetch(`${daemon.http}/functions/node?do=events`, { method: 'POST', signal: gone.signal });
  assert.equal(response.headers.get('content-type'), 'text/event-stream');
  const reader = response.body?.getReader();
  assert.equal(Buffer.from((await reader?.read())?.value ?? '').toString(), 'data: 1\n\n');
  gone.abort();
  await idle('node');
});

test('a ReadableStream is cancelled when its reader leaves, though it gives nothing', async () => {
  const gone = new AbortController();
  const response = await fetch(`${daemon.http}/functions/node?do=waits`, { method: 'POST', signal: gone.signal });
  assert.equal(Buffer.from((await response.body?.getReader().read())?.value ?? '').toString(), 'first');
  gone.abort();
  await eventually('it was told', () => logged('node', /^was cancelled$/));
});

test('a stream that is silent for the timeout is cut, and one that is over the caller’s own deadline', async () => {
  const began = performance.now();
  for (const [path, headers] of [
    ['short?do=silent', {}],
    ['node?do=silent', { 'dcf-timeout': '700ms' }],
  ] as const) {
    const response = await fetch(`${daemon.http}/functions/${path}`, { method: 'POST', headers });
    await assert.rejects(response.text(), TypeError);
  }
  assert.ok(performance.now() - began > 1_300);
});

test('streams count in the byte budget', async (t) => {
  const streams = await Promise.all(Array.from({ length: 16 }, () => openHttp(t, daemon.http)));
  for (const { send, socket } of streams) {
    socket.pause();
    send(post('node?do=endless'));
  }
  const call = async (): Promise<number> =>
    (await fetch(`${daemon.http}/functions/python?do=size`, { method: 'POST', body: Buffer.alloc(1 << 20) })).status;
  await eventually('there is no room for a large input', async () => (await call()) === 429);
  for (const { socket } of streams) socket.destroy();
  await idle('node');
  assert.equal(await call(), 200);
});

test('nothing of all that was a mistake of the daemon', async () => {
  await daemon.stop();
  assertNoMistakes(daemon.log());
});
