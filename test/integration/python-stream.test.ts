import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { cleanUp } from '../support/cleanup.js';
import { startDaemon } from '../support/daemon.js';
import { deploySource } from '../support/functions.js';
import { eventually } from '../support/processes.js';
import { runPython, spawnPython, tellingPrelude, withoutPython } from '../support/python.js';
import { startHttp2, unusedAddress } from '../support/sdk/servers.js';
import { stored, storingSource } from '../support/streams.js';

const prelude = `${tellingPrelude}client = Client(url)
`;

const skip = withoutPython('grpc');
if (skip === false) await testStreams();
else test('streams of the Python client', { skip });

async function testStreams(): Promise<void> {
  const owner = { after };
  const daemon = await startDaemon(owner);
  const python = (program: string, url = daemon.url): Promise<unknown> => runPython(prelude + program, { args: [url] });
  const upper = `export class Handler {
    async *call(request) { for await (const chunk of request.chunks) yield Buffer.from(chunk).toString().toUpperCase(); }
  }`;
  await deploySource(owner, daemon, 'upper', upper);
  const count = `export class Handler {
    *call(request) { for (let n = 0; n < Number(request.text()); n++) yield String(n); }
  }`;
  await deploySource(owner, daemon, 'count', count);
  const breaks = "export class Handler { async *call() { yield 'one'; yield 'two'; throw new Error('no third'); } }";
  await deploySource(owner, daemon, 'breaks', breaks);
  const endless = `export class Handler {
    async *call() { try { for (;;) yield Buffer.alloc(1000); } finally { console.log('given up'); } }
  }`;
  await deploySource(owner, daemon, 'endless', endless);

  test('every chunk comes, in order, with the report at the end', async () => {
    const program = `
stream = client.stream('count', '50000', request_id='counted')
before = stream.report
chunks = [int(chunk) for chunk in stream]
tell([before, chunks == list(range(50000)), stream.report.id, stream.report.attempts, stream.report.replica])`;
    assert.deepEqual(await python(program), [null, true, 'counted', 1, 1]);
  });

  test('chunks of the input go out while those of the output come', async () => {
    const program = `
turn = threading.Semaphore(1)
def words():
    for word in ['eins', b'zwei', bytearray(b'drei')]:
        turn.acquire()
        yield word
answers = []
for chunk in client.stream('upper', words()):
    answers.append(chunk.decode())
    turn.release()
tell(answers)`;
    assert.deepEqual(await python(program), ['EINS', 'ZWEI', 'DREI']);
  });

  test('an input without chunks, and one that is whole', async () => {
    const program = `tell([list(client.stream('upper', [])), [c.decode() for c in client.stream('upper', 'whole')], len(list(client.stream('count', b'0')))])`;
    assert.deepEqual(await python(program), [[], ['WHOLE'], 0]);
  });

  test('what fails after chunks is told after them, and what is refused at once', async () => {
    const program = `
seen = []
def read(stream):
    for chunk in stream:
        seen.append(chunk.decode())
tell([tried(lambda: read(client.stream('breaks'))), seen, tried(lambda: read(client.stream('nobody'))), tried(lambda: read(client.stream('nobody', iter(['never taken']))))])`;
    const missing = ['NOT_FOUND', 'there is no function nobody'];
    assert.deepEqual(await python(program), [['UNKNOWN', 'no third'], ['one', 'two'], missing, missing]);
  });

  test('the timeout is for silence: a stream in which something moves goes on for longer, and who does not ask may take any time', async (t) => {
    const deaf = "export class Handler { async *call() { yield 'first'; await new Promise(() => undefined); } }";
    await deploySource(t, daemon, 'deaf', deaf, { concurrency: 4 });
    const total = `export class Handler {
      async *call(request) { let sum = 0; for await (const chunk of request.chunks) sum += chunk.length; yield String(sum); }
    }`;
    await deploySource(t, daemon, 'total', total);
    const program = `
over = threading.Event()
def words():
    while not over.is_set():
        yield 'ab'
        time.sleep(0.01)
def read(name, into):
    into.append(tried(lambda: [chunk.decode() for chunk in client.stream(name, words(), timeout=2)]))
echoed, summed, began = [], [], time.monotonic()
threads = [threading.Thread(target=read, args=('upper', echoed)), threading.Thread(target=read, args=('total', summed))]
for thread in threads:
    thread.start()
idle = client.stream('count', '2', timeout='2s')
counted = [next(idle).decode()]
silent = client.stream('deaf', timeout='2s')
first = next(silent).decode()
ended = tried(lambda: next(silent))
while time.monotonic() - began < 4.5:
    time.sleep(0.1)
over.set()
for thread in threads:
    thread.join()
counted += [chunk.decode() for chunk in idle]
tell([first, ended, sorted(set(echoed[0])), int(summed[0][0]) > 100, counted])`;
    const silence = ['DEADLINE_EXCEEDED', 'nothing moved on the stream for 2 s, its timeout'];
    assert.deepEqual(await python(program), ['first', silence, ['AB'], true, ['0', '1']]);
  });

  test('a server that never says whether it has the call is not waited for without end', async (t) => {
    const url = await startHttp2(t, () => undefined);
    const program = `tell(tried(lambda: list(client.stream('count', iter(['never taken']), timeout=0.3))))`;
    assert.deepEqual(await python(program, url), ['DEADLINE_EXCEEDED', 'nothing moved on the stream for 0.3 s, its timeout']);
  });

  test('an input of a stream that is left does not look whole to the Handler', async (t) => {
    for (const [name, program, made] of [
      ['left', "with client.stream('left', words()) as stream:\n    next(stream)", 'CANCELLED'],
      ['whole', "list(client.stream('whole', ['a chunk']))", 'whole'],
    ] as const) {
      await deploySource(t, daemon, name, storingSource, { callLog: false });
      await python(`
def words():
    yield 'a chunk'
    threading.Event().wait(60)
${program}
tell(None)`);
      assert.equal(await stored(daemon, name), made);
    }
  });

  test('an input that throws gives the call up, and is told as it is', async () => {
    const program = `
def broken():
    yield 'first'
    raise OSError('the camera is gone')
try:
    for chunk in client.stream('upper', broken()):
        pass
except OSError as error:
    tell(str(error))`;
    assert.equal(await python(program), 'the camera is gone');
  });

  test('leaving early gives the call up', async (t) => {
    const program = `
with client.stream('endless') as stream:
    tell(sum(len(chunk) for chunk in itertools.islice(stream, 5)))
sys.stdin.readline()`;
    // It stays until the Handler has been told: its end alone would give the call up, too.
    const child = spawnPython(prelude + program, { args: [daemon.url] });
    cleanUp(t, () => void child.kill('SIGKILL'));
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    assert.equal((await lines.next()).value, '5000');
    await eventually('the Handler is told', async () => {
      for await (const { text } of daemon.control.logs({ name: 'endless' })) if (text === 'given up') return true;
      return false;
    });
    const closed = once(child, 'close');
    child.stdin.end('\n');
    assert.deepEqual(await closed, [0, null]);
  });

  test('no chunk is taken of a call that is refused, or for which there is no daemon', async () => {
    const program = `
taken = []
def chunks():
    taken.append(1)
    yield 'x'
tell([tried(lambda: list(map(bytes.decode, client.stream(sys.argv[2], chunks()))))[0], taken])`;
    const run = (url: string, name: string): Promise<unknown> => runPython(prelude + program, { args: [url, name] });
    assert.deepEqual(await run(await unusedAddress(), 'upper'), ['UNAVAILABLE', []]);
    assert.deepEqual(await run(daemon.url, 'nobody'), ['NOT_FOUND', []]);
    assert.deepEqual(await run(daemon.url, 'upper'), ['X', [1]]);
  });
}
