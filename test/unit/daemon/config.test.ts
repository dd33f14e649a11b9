import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { DcfError } from '../../../src/core/errors.js';
import { helpText, readCommand } from '../../../src/daemon/config.js';
import { downloadRules } from '../../../src/daemon/download-rules.js';
import { type Settings, settingNames, settingsFileSchema, settingsReference } from '../../../src/daemon/settings.js';
import { readTlsFiles } from '../../../src/daemon/tls-files.js';
import { temporaryDirectory } from '../../support/cleanup.js';
import { makeCertificate } from '../../support/sdk/certificate.js';

function read(argv: readonly string[], environment: NodeJS.ProcessEnv = {}): Settings {
  const command = readCommand(argv, environment);
  assert.ok(command.kind === 'run');
  return command.settings;
}

function refused(argv: readonly string[], message: RegExp, environment: NodeJS.ProcessEnv = {}): void {
  assert.throws(
    () => readCommand(argv, environment),
    (error) => DcfError.is(error) && error.code === 'INVALID_ARGUMENT' && message.test(error.message),
  );
}

test('every setting has a default that is allowed, a flag, a variable and a line of help', () => {
  const defaults = read([]);
  const help = helpText();
  const { properties } = settingsFileSchema();
  for (const { key, flag } of settingsReference()) {
    assert.ok(key in defaults);
    assert.ok(help.includes(`  ${flag} `), key);
    assert.ok(typeof properties === 'object' && properties !== null && key in properties, key);
  }
  assert.deepEqual(defaults.grpc, { kind: 'tcp', host: '127.0.0.1', port: 32222 });
  assert.deepEqual(defaults.http, { kind: 'tcp', host: '127.0.0.1', port: 32223 });
  const row = settingsReference().find(({ key }) => key === 'maxPayload');
  assert.deepEqual([row?.flag, row?.variable, row?.default], ['--max-payload', 'DCF_MAX_PAYLOAD', '64MiB']);
  assert.deepEqual(Object.keys(defaults), settingNames);
});

test('a flag goes over a variable, a variable over the file, the file over the default', async (t) => {
  const file = join(await temporaryDirectory(t), 'dcfd.yaml');
  await writeFile(file, 'maxPayload: 1MiB\nkillGrace: 3s\nbodyTimeout: 7s\n');
  const seen = read(['--config', file, '--max-payload', '2MiB'], { DCF_MAX_PAYLOAD: '4MiB', DCF_KILL_GRACE: '2s' });
  assert.equal(seen.maxPayload, 2 * 2 ** 20);
  assert.equal(seen.killGrace, 2000);
  assert.equal(seen.bodyTimeout, 7000);
  assert.equal(seen.drainGrace, 30_000);
  assert.deepEqual([seen.keepWarm, read(['--keep-warm', '0s']).keepWarm], [60_000, 0]);
});

test('HTTP can be turned off, everywhere where it can be turned on', async (t) => {
  const file = join(await temporaryDirectory(t), 'dcfd.yaml');
  await writeFile(file, 'http: off\n');
  assert.equal(read(['--http', 'off']).http, undefined);
  assert.equal(read([], { DCF_HTTP: 'off' }).http, undefined);
  assert.equal(read(['--config', file]).http, undefined);
  assert.deepEqual(read(['--config', file, '--http', '[::1]:80']).http, { kind: 'tcp', host: '::1', port: 80 });
});

test('a mistake is named with its place and with what is allowed', async (t) => {
  refused(['--grpc', 'nowhere'], /^--grpc: "nowhere" is not allowed; allowed: HOST:PORT/);
  refused(['--grpc', '127.0.0.1:99999'], /HOST:PORT/);
  refused(['--http', 'on'], /^--http: "on" is not allowed; allowed: HOST:PORT, such as 127\.0\.0\.1:32223, or off/);
  refused([], /^DCF_MAX_PAYLOAD: "64" is not allowed; allowed: a size with its unit/, { DCF_MAX_PAYLOAD: '64' });
  refused(['--log-level', 'loud'], /allowed: debug, info, warn, error/);
  refused(['--max-connections', '0'], /a whole number above 0/);
  refused(['--max-paylod', '1MiB'], /^unknown option '--max-paylod': Did you mean --max-payload\? dcfd --help/);
  refused(['--grpc'], /^option '--grpc <value>' argument missing\. dcfd --help/);
  refused(['stray'], /^"stray" is not an option\. dcfd --help/);
  refused(['--grpc', 'a', '--http', 'b'], /^--grpc: "a" is not allowed.*\n--http: "b" is not allowed/);
  refused(['--config', '/nowhere/dcfd.yaml'], /configuration \/nowhere\/dcfd\.yaml cannot be read/);
  const file = join(await temporaryDirectory(t), 'dcfd.yaml');
  await writeFile(file, 'maxPaylod: 1MiB\n');
  refused(['--config', file], /unknown key "maxPaylod" \(did you mean "maxPayload"\?\); allowed: data, grpc/);
  await writeFile(file, 'data: { folder: /data }\n');
  refused(['--config', file], /dcfd\.yaml: "data" is not a text; allowed: a text, or for lists a list of texts/);
  await writeFile(file, 'resourceHosts: [example.com, example.org]\n');
  assert.deepEqual(read(['--config', file]).resourceHosts, ['example.com', 'example.org']);
  await writeFile(file, '- 1\n');
  refused(['--config', file], /a mapping of keys to values/);
});

test('a setting in the file is the text that was written, whatever YAML would make of it', async (t) => {
  const file = join(await temporaryDirectory(t), 'dcfd.yaml');
  for (const token of ['1.10', '12345678901234567891', '007', '0x1F', 'yes', '1e3']) {
    await writeFile(file, `\uFEFFtoken: ${token}\r\ninsecure: true\r\n`);
    const seen = read(['--config', file]);
    assert.deepEqual([seen.token, seen.insecure], [token, true]);
  }
  await writeFile(file, '# nothing yet\n');
  assert.equal(read(['--config', file]).token, undefined);
  for (const [content, reason] of [
    ['token: !secret abc\n', /dcfd\.yaml:1: "token" has the tag !secret, which is not supported/],
    ['token: a\n---\ntoken: b\n', /dcfd\.yaml:2:1: a second document begins here/],
    ['token: a\ntoken: b\n', /dcfd\.yaml:2:1: .*this key is there twice/],
    [Buffer.from('\ufefftoken: a\n', 'utf16le'), /dcfd\.yaml cannot be read: is UTF-16: save it as UTF-8/],
  ] as const) {
    await writeFile(file, content);
    refused(['--config', file], reason);
  }
});

test('gRPC may be served at a Unix socket, which needs no token, and HTTP may not', () => {
  for (const written of ['unix:/run/dcf/dcf.sock', 'unix:///run/dcf/dcf.sock'])
    assert.deepEqual(read(['--grpc', written]).grpc, { kind: 'unix', path: '/run/dcf/dcf.sock' });
  const longest = `/${'ü'.repeat(53)}`;
  assert.deepEqual(read([], { DCF_GRPC: `unix:${longest}` }).grpc, { kind: 'unix', path: longest });
  for (const wrong of ['', 'dcf.sock', './dcf.sock', '/', '//host/dcf.sock', '/a b', '/a\nb', '/a\0b', `${longest}x`, '32222'])
    refused(['--grpc', `unix:${wrong}`], /--grpc: "unix:.*" is not allowed; allowed: HOST:PORT.* or unix:\/PATH.*at most 107 bytes/s);
  refused(['--http', 'unix:/run/dcf/http.sock'], /allowed: HOST:PORT, such as 127\.0\.0\.1:32223, or off$/);
  refused(['--http', 'unix:80'], /or off$/);
});

test('beyond loopback it wants a token, unless told otherwise', async (t) => {
  refused(['--grpc', '0.0.0.0:1'], /can be reached from other machines, and the daemon has no token/);
  refused(['--grpc', '[::]:1'], /no token/);
  refused(['--http', '0.0.0.0:1'], /^0\.0\.0\.0:1 can be reached from other machines/);
  refused(['--grpc', 'example.org:1'], /no token/);
  assert.equal(read(['--grpc', '0.0.0.0:1', '--insecure']).insecure, true);
  assert.equal(read(['--grpc', '0.0.0.0:1'], { DCF_TOKEN: 'secret' }).token, 'secret');
  for (const loopback of ['127.0.0.1:1', '127.1.2.3:1', 'localhost:1', '[::1]:1'])
    assert.equal(read(['--grpc', loopback]).token, undefined);
  const file = join(await temporaryDirectory(t), 'token');
  await writeFile(file, 'from-file\n');
  assert.equal(read(['--grpc', '0.0.0.0:1', '--token-file', file]).token, 'from-file');
  await writeFile(file, '\n');
  refused(['--token-file', file], /is empty/);
});

test('the certificate and the key of gRPC belong together, and where they cannot be used the file is named', async (t) => {
  const folder = await temporaryDirectory(t);
  const [cert, key, other, none] = ['cert.pem', 'key.pem', 'other.pem', 'none.pem'].map((name) => join(folder, name));
  assert.ok(cert !== undefined && key !== undefined && other !== undefined && none !== undefined);
  const made = makeCertificate('daemon.test');
  await writeFile(cert, made.cert);
  await writeFile(key, made.key);
  await writeFile(other, makeCertificate('other.test').key);
  assert.equal(readTlsFiles(read([])), undefined);
  const identity = readTlsFiles(read(['--tls-cert', cert, '--tls-key', key]));
  assert.deepEqual(identity, { cert: made.cert.toString(), key: made.key.toString() });
  const cases: [string[], RegExp][] = [
    [['--tls-cert', cert], /^--tls-cert is given without --tls-key: give both, or neither$/],
    [['--tls-key', key], /^--tls-key is given without --tls-cert/],
    [['--tls-cert', none, '--tls-key', key], /^--tls-cert: .*\/none\.pem is not a readable file with a certificate in PEM: ENOENT/],
    [['--tls-cert', key, '--tls-key', key], /^--tls-cert: .*\/key\.pem is not a readable file with a certificate in PEM: /],
    [
      ['--tls-cert', cert, '--tls-key', cert],
      /^--tls-key: .*\/cert\.pem is not a readable file with a private key in PEM without a passphrase: /,
    ],
    [['--tls-cert', cert, '--tls-key', other], /^--tls-key: the key in .*\/other\.pem is not that of the certificate in .*\/cert\.pem$/],
    [['--tls-cert', cert, '--tls-key', key, '--grpc', 'unix:/run/dcf.sock'], /^--tls-cert: a Unix socket has no TLS/],
  ];
  for (const [args, message] of cases) assert.throws(() => readTlsFiles(read(args)), { code: 'INVALID_ARGUMENT', message });
});

test('where resources may come from: hosts in lower case, ports where they are private, certificates that can be read', async (t) => {
  const given = read([
    ...['--resource-hosts', 'Example.com, *.example.org', '--resource-allow-private', 'models.internal:443,[fd00::1]:8443'],
    ...['--max-resource-size', '1TiB'],
  ]);
  assert.deepEqual(given.resourceHosts, ['example.com', '*.example.org']);
  assert.deepEqual(given.resourceAllowPrivate, ['models.internal:443', '[fd00::1]:8443']);
  assert.equal(given.maxResourceSize, 2 ** 40);
  const defaults = read([]);
  assert.deepEqual([defaults.resourceHosts, defaults.resourceAllowPrivate, defaults.maxResourceSize], [[], [], 50 * 2 ** 30]);
  refused(['--resource-hosts', 'https://example.com'], /hosts without ports, such as example\.com,\*\.example\.org/);
  refused(['--resource-hosts', 'example.com:443'], /hosts without ports/);
  refused(['--resource-hosts', '*'], /hosts without ports/);
  refused(['--resource-allow-private', 'models.internal'], /HOST:PORT, such as models\.internal:443/);
  const file = join(await temporaryDirectory(t), 'ca.pem');
  const rules = (): unknown => downloadRules(read(['--resource-ca', file]));
  assert.throws(rules, { code: 'INVALID_ARGUMENT', message: /--resource-ca: .* is not a readable file of PEM certificates: ENOENT/ });
  await writeFile(file, 'nothing');
  assert.throws(rules, { code: 'INVALID_ARGUMENT' });
  const { cert } = makeCertificate('files.test');
  await writeFile(file, cert);
  assert.deepEqual(rules(), { maxBytes: 50 * 2 ** 30, hosts: [], allowPrivate: [], ca: cert.toString() });
});
