import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { letGo, startPool } from '../../support/pool.js';
import { root } from '../../support/programs.js';
import { runPython, withoutPython } from '../../support/python.js';
import { noPython } from '../../support/pythons.js';

const skip = noPython;
const python = { runtime: 'python' } as const;

test('sys.stdout and sys.stderr have all that code expects of a text stream', { skip }, async (t) => {
  const source = `
import codecs, contextlib, faulthandler, io, logging, os, sys, warnings
def told(stream, name):
  facts = [stream.encoding.lower(), stream.errors, stream.name, stream.mode, stream.line_buffering, stream.closed]
  facts += [stream.writable(), stream.readable(), stream.seekable(), stream.isatty(), stream.fileno(), stream.newlines]
  facts += [stream.buffer.name, stream.buffer.mode, stream.buffer.closed, stream.buffer.writable(), isinstance(stream, io.TextIOWrapper)]
  stream.reconfigure(line_buffering=True, encoding="utf-8", errors="replace")
  facts += [stream.line_buffering, stream.errors]
  stream.reconfigure(line_buffering=False, write_through=True, errors="backslashreplace")
  stream.writelines([name, " of ", "lines\\n"])
  stream.buffer.write("grüße in bytes\\n".encode()[:3])
  stream.buffer.write("grüße in bytes\\n".encode()[3:])
  stream.buffer.writelines([b"bytes", b"\\n"])
  stream.write("half a surrogate \\ud800\\n")
  for wrapped in (codecs.getwriter("utf-8")(stream.buffer), io.TextIOWrapper(stream.buffer, encoding="utf-8", line_buffering=True)):
    wrapped.write("wrapped\\n")
    wrapped.flush()
    del wrapped
  try: stream.write(b"bytes")
  except TypeError as error: facts.append("TypeError")
  try: stream.buffer.write("text")
  except TypeError as error: facts.append("TypeError")
  stream.close()
  print("after close()", file=stream)
  return facts
def Handler(req):
  facts = [told(sys.stdout, "stdout"), told(sys.stderr, "stderr")]
  faulthandler.enable()
  with contextlib.redirect_stdout(io.StringIO()) as caught: print("caught")
  print("to sys.__stdout__", file=sys.__stdout__)
  before = sys.stdout
  sys.stdout = io.TextIOWrapper(sys.stdout.buffer, "utf-8", write_through=True)
  print("through one of its own")
  sys.stdout = before
  warnings.warn("a warning")
  logging.StreamHandler(sys.stdout).emit(logging.makeLogRecord({"msg": "by a handler"}))
  with open(sys.stdout.fileno(), "w", closefd=False) as file: file.write("by the descriptor\\n")
  return facts + [caught.getvalue(), sys.stdout is sys.__stdout__]
`;
  const { call, lines, line } = await startPool(t, source, python);
  const facts = (name: string, descriptor: number): unknown[] => [
    ...['utf-8', 'backslashreplace', name, 'w', false, false],
    ...[true, false, false, false, descriptor, null],
    ...[name, 'wb', false, true, true],
    ...[true, 'replace', 'TypeError', 'TypeError'],
  ];
  assert.deepEqual(JSON.parse(await call('', { requestId: 'one' }).text), [facts('<stdout>', 1), facts('<stderr>', 2), 'caught\n', true]);
  await line(/^by the descriptor$/);
  const said = (level: string): string[] =>
    lines.filter((entry) => entry.callId === 'one' && entry.level === level).map(({ text }) => text);
  const common = ['grüße in bytes', 'bytes', 'half a surrogate \\ud800', 'wrapped', 'wrapped', 'after close()'];
  assert.deepEqual(said('info'), ['stdout of lines', ...common, 'to sys.__stdout__', 'through one of its own', 'by a handler']);
  assert.deepEqual(said('warn').slice(0, 7), ['stderr of lines', ...common]);
  assert.match(said('warn')[7] ?? '', /UserWarning: a warning/);
});

for (const [kind, head, wait] of [
  ['', 'def', 'time.sleep(0.002)'],
  [' of a coroutine', 'async def', 'await asyncio.sleep(0.002)'],
] as const) {
  test(`output${kind} without a line break is in the log while its call goes on`, { skip }, async (t) => {
    const source = `
import asyncio, os, sys, time
class Handler:
  ${head} __call__(self, req):
    what = req.text()
    if what == "flush": print("Loading ", end="", flush=True)
    if what == "progress":
      for percent in range(0, 101):
        sys.stderr.write(f"\\r{percent}%")
        sys.stderr.flush()
    if what == "descriptor": os.write(1, b"no line break")
    while not os.path.exists(what + ".go"): ${wait}
    print("done" if what == "flush" else "")
    return b""
`;
    const { call, folder, line, lines } = await startPool(t, source, python);
    const linesOf = (callId: string): string[] => lines.filter((entry) => entry.callId === callId).map(({ text }) => text);
    const flushed = call('flush', { requestId: 'flush' });
    assert.equal((await line(/^Loading $/)).callId, 'flush');
    await letGo(folder, 'flush');
    await flushed.text;
    assert.deepEqual(linesOf('flush'), ['Loading ', 'done']);

    const progress = call('progress', { requestId: 'progress' });
    assert.equal((await line(/^100%$/)).callId, 'progress');
    await letGo(folder, 'progress');
    await progress.text;
    assert.ok(linesOf('progress').length <= 5, String(linesOf('progress')));

    const written = call('descriptor');
    await line(/^no line break$/);
    await letGo(folder, 'descriptor');
    await written.text;
  });
}

test('what several threads print at the same time is in the log, and ends no call', { skip: withoutPython('json') }, async () => {
  const program = `
import json, sys, threading
from dcf_worker.logs.output import Output
from dcf_worker.logs.stream import log_stream

class Link:
    def __init__(self): self.sent = []
    def send(self, frame): self.sent.append(frame)

sys.setswitchinterval(1e-6)
link = Link()
output = Output(link, lambda: numbers.number)
numbers = threading.local()
out = log_stream(output, "info", None)
failed = []
def run(number):
    numbers.number = number
    try:
        for _ in range(10_000):
            print("mark", file=out)
            if number: output.flush(number)
    except BaseException as error:
        failed.append(repr(error))
threads = [threading.Thread(target=run, args=(number,)) for number in (0, 0, 0, 1, 2, 3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps([failed, b"".join(link.sent).count(b"mark")]))`;
  assert.deepEqual(await runPython(program, { path: [join(root, 'src/runtimes/python')] }), [[], 60_000]);
});
