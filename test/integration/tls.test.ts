import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { Client } from '@dcf/sdk';
import { cleanUp, type Owner, temporaryDirectory } from '../support/cleanup.js';
import { runDaemon, startDaemon, type TestDaemon } from '../support/daemon.js';
import { deploySource, echoSource } from '../support/functions.js';
import { root, runCli } from '../support/programs.js';
import { runPython, tellingPrelude, withoutPython } from '../support/python.js';
import { refusal } from '../support/refusal.js';
import { makeCertificate } from '../support/sdk/certificate.js';
import { runTool } from '../support/wire/run-tool.js';
import { wireTool } from '../support/wire-tools.js';

const owner = { after };
const folder = await temporaryDirectory(owner);
const { cert, key } = makeCertificate('daemon.test');
const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
await writeFile(files.cert, cert);
await writeFile(files.key, key, { mode: 0o600 });
const token = 'a-token-that-nobody-guesses';
const args = ['--tls-cert', files.cert, '--tls-key', files.key, '--first-byte-timeout', '1s'];
const daemon = await startDaemon(owner, { token, tls: { ca: cert }, args });
await deploySource(owner, daemon, 'echo', echoSource);
const plain = await startDaemon(owner, { args: ['--first-byte-timeout', '1s'] });
await deploySource(owner, plain, 'echo', echoSource);

async function served({ client }: TestDaemon): Promise<void> {
  assert.equal(Buffer.from((await client.invoke('echo', 'served')).output).toString(), 'served');
}

/** A connection that says nothing by itself, and what it is sent. */
async function open(t: Owner, { port }: TestDaemon): Promise<{ socket: Socket; closed: Promise<Buffer> }> {
  const socket = connect(port, '127.0.0.1');
  cleanUp(t, () => void socket.destroy());
  const got: Buffer[] = [];
  socket.on('error', () => undefined).on('data', (data) => got.push(data));
  const closed = once(socket, 'close').then(() => Buffer.concat(got));
  await once(socket, 'connect');
  return { socket, closed };
}

/** A TLS connection; resolves when its handshake is done, and rejects with the error of one that fails. */
async function openTls(t: Owner, { port }: TestDaemon, options: ConnectionOptions) {
  const socket = connectTls({ host: '127.0.0.1', port, ca: cert, ...options });
  cleanUp(t, () => void socket.destroy());
  await once(socket, 'secureConnect');
  return socket.on('error', () => undefined);
}

test('the SDK calls over TLS, small and large, and the token is wanted as ever', async (t) => {
  await served(daemon);
  const large = Buffer.alloc(16 << 20, 3);
  const both = await Promise.all([daemon.client.invoke('echo', large), daemon.client.invoke('echo', large.subarray(1))]);
  assert.deepEqual(
    both.map(({ output }) => output.length),
    [large.length, large.length - 1],
  );
  assert.ok(both.every(({ output }) => Buffer.from(output).equals(large.subarray(0, output.length))));
  const nobody = new Client(`https://${daemon.url}`, { tls: { ca: cert, servername: 'daemon.test' } });
  cleanUp(t, () => nobody.close());
  assert.equal((await refusal(nobody.invoke('echo', 'x'))).code, 'UNAUTHENTICATED');
});

test('the commands call over TLS', async () => {
  const environment = { DCF_TOKEN: token, GRPC_DEFAULT_SSL_ROOTS_FILE_PATH: files.cert };
  const { code, stdout, stderr } = await runCli(['invoke', 'echo', '--data', 'x'], { url: `https://${daemon.url}`, environment });
  assert.deepEqual([code, stdout.trim()], [0, 'x'], stderr);
});

test('the Python client calls over TLS', { skip: withoutPython('grpc') }, async () => {
  const program = `
ca = open(sys.argv[3]).read()
with Client(url, token=sys.argv[2], tls=Tls(ca=ca)) as one, Client('https://' + url, token=sys.argv[2], tls=Tls(ca=ca, server_name='daemon.test')) as two:
    tell([one.invoke('echo', b'x').output.decode(), two.invoke('echo', bytes(4 << 20)).output == bytes(4 << 20)])`;
  assert.deepEqual(await runPython(tellingPrelude + program, { args: [daemon.url, token, files.cert] }), ['x', true]);
});

const grpcurl = await wireTool('grpcurl');
test('a program of others asks for its health over TLS', { skip: grpcurl.missing }, async (t) => {
  const proto = ['-import-path', join(root, 'test/support/proto'), '-proto', 'health.proto'];
  const { code, out, errors } = await runTool(t, grpcurl.path, [
    ...['-cacert', files.cert, '-max-time', '60', ...proto, daemon.url, 'grpc.health.v1.Health/Check'],
  ]);
  assert.equal(code, 0, errors);
  assert.match(out, /SERVING/);
});

test('who offers no h2 is refused with the reason: by an alert, or where nothing is offered in the words of HTTP', async (t) => {
  await assert.rejects(openTls(t, daemon, { ALPNProtocols: ['http/1.1'] }), { code: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL' });
  const socket = await openTls(t, daemon, {});
  let answer = '';
  socket.setEncoding('utf8').on('data', (data: string) => {
    answer += data;
  });
  await once(socket, 'close');
  assert.match(answer, /^HTTP\/1\.1 505 .*\r\n\r\nthis address serves gRPC: the client has to offer the protocol h2/s);
  await served(daemon);
});

test('versions of TLS before 1.2 are refused', async (t) => {
  await assert.rejects(openTls(t, daemon, { ALPNProtocols: ['h2'], minVersion: 'TLSv1', maxVersion: 'TLSv1.1' }), { code: /^ERR_SSL/ });
  const socket = await openTls(t, daemon, { ALPNProtocols: ['h2'], maxVersion: 'TLSv1.2' });
  assert.deepEqual([socket.getProtocol(), socket.alpnProtocol], ['TLSv1.2', 'h2']);
});

test('clear text to the port of TLS, and TLS to that of clear text, end at once, and others are served', async (t) => {
  const texts = {
    'HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0',
    'HTTP/1.1': 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n',
  };
  for (const text of Object.values(texts)) {
    const { socket, closed } = await open(t, daemon);
    socket.write(text);
    await closed;
    await served(daemon);
  }
  await assert.rejects(openTls(t, plain, { ALPNProtocols: ['h2'] }), { code: /ECONNRESET|ERR_SSL/ });
  await served(plain);
});

/** The head of a record of TLS: a handshake of 16 KiB, of which never all comes. */
const recordHead = [22, 3, 1, 64, 0, 1, 0];

for (const [what, drip] of Object.entries({ 'that never comes': false, 'that drips': true })) {
  test(`a handshake ${what} ends, and others are served meanwhile`, async (t) => {
    const { socket, closed } = await open(t, daemon);
    let sent = 0;
    const dripping = drip ? setInterval(() => socket.write(Buffer.from([recordHead[sent++] ?? 0])), 50) : undefined;
    cleanUp(t, () => clearInterval(dripping));
    await served(daemon);
    await closed;
    assert.ok(!drip || sent > recordHead.length);
    await served(daemon);
  });
}

test('who is silent after the handshake is closed, too', async (t) => {
  const socket = await openTls(t, daemon, { ALPNProtocols: ['h2'] });
  socket.resume();
  await once(socket, 'close');
  await served(daemon);
});

test('files that cannot be used are said, and nothing is touched', async (t: TestContext) => {
  const data = join(await temporaryDirectory(t), 'data');
  const other = join(await temporaryDirectory(t), 'other.pem');
  await writeFile(other, makeCertificate('other.test').key);
  const { ended, log } = runDaemon(t, ['--data', data, '--grpc', '127.0.0.1:0', '--tls-cert', files.cert, '--tls-key', other]);
  assert.equal(await ended, 2);
  assert.equal(log(), `dcfd: --tls-key: the key in ${other} is not that of the certificate in ${files.cert}\n`);
});

test('it ends as one without TLS, with connections that are open', async (t) => {
  const ending = await startDaemon(t, { tls: { ca: cert }, args });
  await deploySource(t, ending, 'echo', echoSource);
  await served(ending);
  const idle = await openTls(t, ending, { ALPNProtocols: ['h2'] });
  const closed = once(idle.resume(), 'close');
  assert.equal(await ending.stop(), 0);
  await closed;
});
