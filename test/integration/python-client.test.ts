import assert from 'node:assert/strict';
import { cp, writeFile } from 'node:fs/promises';
import { constants } from 'node:http2';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, type TestContext, test } from 'node:test';
import { ServerCredentials, status } from '@grpc/grpc-js';
import { temporaryDirectory } from '../support/cleanup.js';
import { startDaemon } from '../support/daemon.js';
import { deploySource, echoSource } from '../support/functions.js';
import { pythonPackage, runModule, runPython, spawnPython, tellingPrelude, withoutPython } from '../support/python.js';
import { makeCertificate } from '../support/sdk/certificate.js';
import { answerOk, functionsService, startGrpc, startHttp2, unusedAddress } from '../support/sdk/servers.js';

function python(program: string, ...args: string[]): Promise<unknown> {
  return runPython(tellingPrelude + program, { args });
}

const skip = withoutPython('grpc');
if (skip === false) await testClient();
else test('the Python client', { skip });

async function testClient(): Promise<void> {
  const owner = { after };
  const daemon = await startDaemon(owner);
  await deploySource(owner, daemon, 'echo', echoSource, { concurrency: 8 });
  const probe = `export class Handler {
    call({ id, metadata, input, query, contentType }) { return { id, metadata, length: input.length, query: query.get('size'), contentType }; }
  }`;
  const { revision } = await deploySource(owner, daemon, 'probe', probe);
  await daemon.control.setAlias('probe', 'prod', revision);
  await deploySource(owner, daemon, 'fails', 'export class Handler { call() { throw new Error("not today"); } }');
  const heldSource = `export class Handler {
    call({ signal }) { console.log('begun'); return new Promise((resolve) => signal.addEventListener('abort', () => resolve(''))); }
  }`;
  await deploySource(owner, daemon, 'held', heldSource, { concurrency: 4 });

  test('dcf() gives text as text, and bytes where it is none', async () => {
    const program = `tell([
      dcf(url=url, service='echo', arg='Grüße'), dcf(url, 'echo', 'x'.encode()), dcf(url, 'echo'), list(dcf(url, 'echo', bytes(range(256)))),
    ])`;
    const bytes = Array.from({ length: 256 }, (_, byte) => byte);
    assert.deepEqual(await python(program, daemon.url), ['Grüße', 'x', '', bytes]);
  });

  test('a proxy that is not there: the error says that it was used, and what names it', async () => {
    const script = `
import json, os, sys
from dcf import Client, DcfError
os.environ.update(http_proxy="http://user:secret@" + sys.argv[1])
with Client("gpu.example.com:32222") as client:
    try:
        client.invoke("echo")
    except DcfError as error:
        print(json.dumps([error.code, str(error)]))`;
    const proxy = await unusedAddress();
    const told = await runPython(script, { args: [proxy] });
    assert.ok(Array.isArray(told));
    const [code, message]: unknown[] = told;
    assert.equal(code, 'UNAVAILABLE');
    const begin = `no DCF daemon answers at gpu.example.com:32222 through the proxy ${proxy}, which the variable http_proxy names: `;
    assert.ok(typeof message === 'string' && message.startsWith(begin), String(message));
  });

  test('scripts for the original run as they are', async () => {
    const script = `
import json, sys
import grpc
from dcfgrpc.api import dcf
def tried(**given):
    try:
        return dcf(url=sys.argv[1], **given)
    except grpc.RpcError as error:
        return [error.code().name, error.details()]
    except Exception as error:
        return str(error)
print(json.dumps([tried(service='echo', arg='hello world'.encode()), tried(service='echo', arg='text'), tried(service='fails', arg=b'x'), tried(service='echo')]))`;
    const missing = 'dcf() takes at least the arguments service and arg; url is optional';
    assert.deepEqual(await runPython(script, { args: [daemon.url] }), ['hello world', 'text', ['UNKNOWN', 'not today'], missing]);
  });

  test('without a URL the environment names the daemon and its token, and a URL never gets that token', async (t) => {
    const guarded = await startDaemon(t, { token: 'sesame' });
    await deploySource(t, guarded, 'echo', echoSource);
    const program = `${tellingPrelude}
tell([dcf(service='echo', arg='in'), tried(lambda: dcf(url=url, service='echo', arg='in')), Client(url, token='sesame').invoke('echo', 'in').text])`;
    const environment = { DCF_URL: guarded.url, DCF_TOKEN: 'sesame' };
    const [first, second, third] = Object(await runPython(program, { args: [guarded.url], environment }));
    assert.deepEqual([first, second[0], third], ['in', 'UNAUTHENTICATED', 'in']);
  });

  test('a Client says what a call is to have, and is told how it went', async () => {
    const program = `
with Client(url, timeout='5s') as client:
    result = client.invoke('probe', bytearray(b'four'), alias='prod', request_id='mine', metadata={'Trace': 'abc'}, query={'size': '2 ü'}, content_type='image/png')
    unasked = client.invoke('echo', memoryview(b'view'), report=False)
tell([json.loads(result.text), result.report.id, result.report.revision, result.report.attempts, result.report.run_ms > 0, unasked.text, unasked.report.revision])`;
    const seen = { id: 'mine', metadata: { trace: 'abc' }, length: 4, query: '2 ü', contentType: 'image/png' };
    assert.deepEqual(await python(program, daemon.url), [seen, 'mine', revision, 1, true, 'view', null]);
  });

  test('a call that fails has its code, its reason and its report', async (t) => {
    await deploySource(t, daemon, 'dies', 'export class Handler { call() { process.exit(3); } }');
    const program = `
def failure(service, **options):
    try:
        Client(url).invoke(service, **options)
    except DcfError as error:
        return [error.code, error.reason, error.report.revision is not None]
tell([failure('dies'), failure('fails'), failure('nobody'), failure('echo', alias='none')])`;
    assert.deepEqual(await python(program, daemon.url), [
      ['INTERNAL', 'exit:3', true],
      ['UNKNOWN', null, true],
      ['NOT_FOUND', null, false],
      ['NOT_FOUND', null, false],
    ]);
  });

  test('a call ends by its timeout', async () => {
    const program = `
client = Client(url, timeout=0.3)
tell([tried(lambda: client.invoke('held')), tried(lambda: client.invoke('held', timeout='200ms'))])`;
    const [first, second] = Object(await python(program, daemon.url));
    // The function's own timeout, 30 s, would be told with the same code.
    const told = (seconds: string): RegExp => new RegExp(`^held: the deadline of \\d{1,3} ms passed|within the timeout of ${seconds} s$`);
    assert.equal(first[0], 'DEADLINE_EXCEEDED');
    assert.match(first[1], told('0\\.3'));
    assert.equal(second[0], 'DEADLINE_EXCEEDED');
    assert.match(second[1], told('0\\.2'));
  });

  test('close cancels what runs and refuses what comes', async () => {
    const program = `
client = Client(url)
ended = []
thread = threading.Thread(target=lambda: ended.append(tried(lambda: client.invoke('held', request_id='to-be-closed'))))
thread.start()
print('started')
sys.stdin.readline()
client.close()
thread.join()
tell(ended + [tried(lambda: client.invoke('echo'))])`;
    const child = spawnPython(tellingPrelude + program, { args: [daemon.url] });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    await lines.next();
    for await (const { callId } of daemon.control.logs({ name: 'held', follow: true })) if (callId === 'to-be-closed') break;
    child.stdin.end('\n');
    const { value } = await lines.next();
    const closed = ['CANCELLED', 'the client was closed'];
    assert.deepEqual(JSON.parse(value), [closed, closed]);
  });

  test('inputs of every length come back whole', async () => {
    const program = `
client = Client(url)
lengths = [0, 1, 127, 128, 255, 256, 16_383, 16_384, 2_097_151, 2_097_152]
tell([length for length in lengths if client.invoke('echo', b'x' * length).output != b'x' * length])`;
    assert.deepEqual(await python(program, daemon.url), []);
  });

  test('many threads share one client', async () => {
    const program = `
from concurrent.futures import ThreadPoolExecutor
client = Client(url)
with ThreadPoolExecutor(16) as pool:
    outputs = list(pool.map(lambda number: client.invoke('echo', str(number)).text, range(200)))
tell(outputs == [str(number) for number in range(200)])`;
    assert.equal(await python(program, daemon.url), true);
  });

  test('a process that is forked while another thread makes a client calls all the same', async () => {
    const program = `
import os, signal
from dcf import _call
class Slow(Client):
    def __init__(self, *args, **options):
        making.set()
        go.wait()
        super().__init__(*args, **options)
making, go = threading.Event(), threading.Event()
_call.Client = Slow
thread = threading.Thread(target=lambda: _call.shared_client(url))
thread.start()
making.wait()
child = os.fork()
if child == 0:
    signal.alarm(10)
    _call.Client = lambda *_args, **_options: "made"
    os._exit(0 if _call.shared_client(url) == "made" else 1)
status = os.waitpid(child, 0)[1]
go.set()
thread.join()
tell([status, _call.shared_client(url) is _call.shared_client(url)])`;
    assert.deepEqual(await python(program, daemon.url), [0, true]);
  });

  test('a payload over the limit of the client is refused, and one under it passes', async () => {
    const program = `
client = Client(url, max_payload=1000)
tell([len(client.invoke('echo', bytes(1000)).output), tried(lambda: client.invoke('echo', bytes(1001)))[0], len(Client(url).invoke('echo', bytes(8_000_000)).output)])`;
    assert.deepEqual(await python(program, daemon.url), [1000, 'RESOURCE_EXHAUSTED', 8_000_000]);
  });

  test('what is wrong is said before anything is sent', async () => {
    const program = `
client = Client(url)
wrong = [
    lambda: Client('ftp://x'), lambda: Client('::1'), lambda: Client('[zz]:1'), lambda: Client('x:99999'), lambda: Client(''),
    lambda: Client('http://x', tls=True), lambda: Client('x', tls=Tls(cert='only')), lambda: Client('x', token='line\\nbreak'),
    lambda: Client('x', timeout=0), lambda: Client('x', timeout='soon'), lambda: client.invoke('echo', 5),
    lambda: client.invoke('echo', metadata={'dcf-alias': 'x'}), lambda: client.invoke('echo', metadata={'a b': 'x'}),
    lambda: client.invoke('echo', metadata={'long': 'x' * 40_000}), lambda: client.invoke('echo', alias=' x'),
]
tell([tried(run)[0] for run in wrong])`;
    assert.deepEqual(await python(program, daemon.url), Array(15).fill('INVALID_ARGUMENT'));
  });
}

if (skip === false) {
  test('only what certainly did not start is tried again', async (t) => {
    const attempts = new Map<string, number>();
    const refusals: Record<string, { code: status; trailers: Record<string, string> }> = {
      draining: { code: status.UNAVAILABLE, trailers: { 'dcf-not-started': '1' } },
      full: { code: status.RESOURCE_EXHAUSTED, trailers: { 'grpc-retry-pushback-ms': '20' } },
      never: { code: status.RESOURCE_EXHAUSTED, trailers: { 'grpc-retry-pushback-ms': '-1' } },
      large: { code: status.RESOURCE_EXHAUSTED, trailers: {} },
      chosen: { code: status.UNAVAILABLE, trailers: {} },
      failed: { code: status.INTERNAL, trailers: { 'dcf-reason': 'exit:1' } },
    };
    const service = functionsService(({ function: name }) => {
      const count = (attempts.get(name) ?? 0) + 1;
      attempts.set(name, count);
      const refusal = refusals[name];
      return refusal === undefined || count === 3 ? Buffer.from('done') : { ...refusal, details: `no, ${name}` };
    });
    const url = await startGrpc(t, [service]);
    const program = `
def outcome(service):
    try:
        return [Client(url).invoke(service).text]
    except DcfError as error:
        return [error.code, error.reason]
tell([outcome(service) for service in sys.argv[2:]])`;
    const outcomes = await python(program, url, ...Object.keys(refusals));
    assert.deepEqual(outcomes, [
      ['done'],
      ['done'],
      ['RESOURCE_EXHAUSTED', null],
      ['RESOURCE_EXHAUSTED', null],
      ['UNAVAILABLE', null],
      ['INTERNAL', 'exit:1'],
    ]);
    assert.deepEqual([...attempts.values()], [3, 3, 1, 1, 1, 1]);
  });

  test('a call on a connection that breaks is not tried again', async (t) => {
    let calls = 0;
    const url = await startHttp2(t, ({ socket }) => {
      calls += 1;
      socket.destroy();
    });
    const [code, message] = Object(await python(`tell(tried(lambda: Client(url).invoke('echo')))`, url));
    assert.equal(code, 'UNAVAILABLE');
    assert.match(message, /broke .*the call may have run, so it was not tried again/);
    assert.equal(calls, 1);
  });

  test('a refused stream was certainly not processed: it is tried again', async (t) => {
    let calls = 0;
    const url = await startHttp2(t, ({ stream }) => {
      calls += 1;
      if (calls < 3) stream.close(constants.NGHTTP2_REFUSED_STREAM);
      else answerOk(stream, Buffer.from('third'));
    });
    assert.equal(await python(`tell(Client(url).invoke('echo').text)`, url), 'third');
    assert.equal(calls, 3);
  });

  test('a call that a GOAWAY cut off was certainly not processed: it is tried again on a new connection', async (t) => {
    const sessions = new Set<unknown>();
    const url = await startHttp2(t, ({ stream, number }) => {
      sessions.add(stream.session);
      // The first stream of a client is 1, the second 3: only the first one has been processed.
      if (number === 2) stream.session?.goaway(constants.NGHTTP2_NO_ERROR, 1);
      else answerOk(stream, Buffer.from(String(number)));
    });
    const program = `
client = Client(url)
tell([[result.text, result.report.attempts] for result in (client.invoke('echo'), client.invoke('echo'))])`;
    assert.deepEqual(await python(program, url), [
      ['1', 1],
      ['3', 2],
    ]);
    assert.equal(sessions.size, 2);
  });

  test('a call that was processed when its connection closes after a GOAWAY is not tried again', async (t) => {
    let calls = 0;
    const url = await startHttp2(t, ({ stream, socket }) => {
      calls += 1;
      stream.session?.goaway(constants.NGHTTP2_NO_ERROR, stream.id);
      // The client has read the GOAWAY when it answers this.
      stream.session?.ping(() => socket.destroy());
    });
    const [code, message] = Object(await python(`tell(tried(lambda: Client(url).invoke('echo')))`, url));
    assert.equal(code, 'UNAVAILABLE');
    assert.match(message, /the call may have run, so it was not tried again/);
    assert.equal(calls, 1);
  });

  test('a daemon that is not there is said to be missing, and waited for when that is asked', async (t) => {
    const address = await unusedAddress();
    const [code, message] = Object(await python(`tell(tried(lambda: Client(url).invoke('echo')))`, address));
    assert.equal(code, 'UNAVAILABLE');
    assert.match(message, /^no DCF daemon answers at 127\.0\.77\.\d+:\d+: connection refused\. Start one with dcfd/);
    const program = `${tellingPrelude}
print('waiting')
tell(Client(url, timeout=60).invoke('echo', wait_for_ready=True).text)`;
    const child = spawnPython(program, { args: [address] });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    await lines.next();
    await startGrpc(t, [functionsService(() => Buffer.from('at last'))], ServerCredentials.createInsecure(), address);
    assert.equal((await lines.next()).value, '"at last"');
  });

  test('a host that nobody knows is said to be unknown', async () => {
    const [code, message] = Object(await python(`tell(tried(lambda: Client(url).invoke('echo', timeout=5)))`, 'nowhere.invalid:1'));
    assert.equal(code, 'UNAVAILABLE');
    assert.match(message, /the host name is not known/);
  });

  test('TLS: by the URL, with an authority, a name, and a certificate of the caller', async (t) => {
    await testTls(t);
  });

  const withoutBuild = withoutPython('setuptools', 'wheel', 'pip');
  test('pip installs it from its folder, with its types, and without the network', { skip: withoutBuild }, async (t) => {
    const folder = await temporaryDirectory(t);
    await cp(pythonPackage, join(folder, 'source'), { recursive: true });
    const target = join(folder, 'installed');
    const offline = ['--no-index', '--no-build-isolation', '--no-deps', '--disable-pip-version-check'];
    await runModule('pip', 'install', '--quiet', ...offline, '--target', target, join(folder, 'source'));
    const program = `
import importlib.metadata as metadata, json, os, dcf, dcfgrpc.api, dcf_worker.testing
print(json.dumps([metadata.version('dcf'), [os.path.exists(os.path.join(os.path.dirname(m.__file__), 'py.typed')) for m in (dcf, dcfgrpc, dcf_worker)]]))`;
    assert.deepEqual(await runPython(program, { path: [target] }), ['0.1.0', [true, true, true]]);
  });
}

async function testTls(t: TestContext): Promise<void> {
  const server = makeCertificate('dcf.example');
  const caller = makeCertificate('caller.example');
  const service = functionsService(() => Buffer.from('secure'));
  const pair = [{ private_key: server.key, cert_chain: server.cert }];
  const url = await startGrpc(t, [service], ServerCredentials.createSsl(null, pair));
  const mutual = await startGrpc(t, [service], ServerCredentials.createSsl(caller.cert, pair, true));
  // The certificate does not name this address.
  const elsewhere = await startGrpc(t, [service], ServerCredentials.createSsl(null, pair), '127.0.0.78:0');
  const folder = await temporaryDirectory(t);
  for (const [name, content] of Object.entries({ ca: server.cert, cert: caller.cert, key: caller.key }))
    await writeFile(join(folder, name), content);
  const program = `
mutual, elsewhere, folder = sys.argv[2:]
read = lambda name: open(folder + '/' + name).read()
invoke = lambda *args, **options: tried(lambda: Client(*args, timeout=20, **options).invoke('echo').text)
tell([
    invoke('https://' + url, tls=Tls(ca=read('ca'))),
    invoke(elsewhere, tls=Tls(ca=read('ca').encode(), server_name='dcf.example')),
    invoke(mutual, tls=Tls(ca=read('ca'), cert=read('cert'), key=read('key'))),
    invoke('https://' + url),
    invoke(elsewhere, tls=Tls(ca=read('ca'))),
    invoke(url),
    invoke(mutual, tls=Tls(ca=read('ca'))),
    invoke(url, tls=Tls(ca='no certificate')),
])`;
  const answers = Object(await python(program, url, mutual, elsewhere, folder));
  const [byUrl, named, proven, untrusted, nameless, plain, unproven, unreadable] = answers;
  assert.deepEqual([byUrl, named, proven], ['secure', 'secure', 'secure']);
  for (const refused of [untrusted, nameless, plain, unproven, unreadable]) assert.equal(refused[0], 'UNAVAILABLE');
  assert.match(untrusted[1], /its certificate is not trusted/);
  assert.match(unreadable[1], /a certificate or key in Tls\(…\) cannot be read/);
}
