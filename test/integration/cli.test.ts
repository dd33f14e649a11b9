import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { cleanUp, temporaryDirectory } from '../support/cleanup.js';
import { startDaemon } from '../support/daemon.js';
import { deploySource, writeFunction } from '../support/functions.js';
import { type CliResult, runCli, spawnCli } from '../support/programs.js';

const owner = { after };
const daemon = await startDaemon(owner);
const source = `export class Handler {
  init() { console.warn('built'); }
  call(request) {
    console.log('got ' + request.text());
    if (request.text() === 'fail') throw new Error('as it was told');
    return request.input;
  }
}`;
const { revision } = await deploySource(owner, daemon, 'talker', source, { description: 'It talks', callLog: false });

function dcf(args: readonly string[], input?: string | Uint8Array): Promise<CliResult> {
  return runCli(args, { url: daemon.url, ...(input === undefined ? {} : { input }) });
}

async function succeeds(args: readonly string[], input?: string | Uint8Array): Promise<CliResult> {
  const result = await dcf(args, input);
  assert.equal(result.code, 0, result.stderr);
  return result;
}

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

test('invoke takes its input from --data, a file or stdin, and gives the output as it is', async () => {
  const folder = await temporaryDirectory(owner);
  const output = join(folder, 'output.bin');
  assert.equal((await succeeds(['invoke', 'talker', '--data', 'Grüße'])).stdout, 'Grüße');
  assert.equal((await succeeds(['invoke', 'talker'])).bytes.length, 0);
  const piped = await succeeds(['invoke', 'talker', '--input', '-'], everyByte);
  assert.ok(piped.bytes.equals(everyByte));
  const written = await succeeds(['invoke', 'talker', '--input', '-', '--output', output], everyByte);
  assert.equal(written.bytes.length, 0);
  assert.ok((await readFile(output)).equals(everyByte));
  assert.ok((await succeeds(['invoke', 'talker', '--input', output])).bytes.equals(everyByte));
});

test('a call that fails is 1, with the code and the message on stderr and nothing on stdout', async () => {
  const failed = await dcf(['invoke', 'talker', '--data', 'fail']);
  assert.deepEqual([failed.code, failed.stdout], [1, '']);
  assert.match(failed.stderr, /^dcf: talker: UNKNOWN: as it was told\n$/);
  const unknown = await dcf(['invoke', 'nobody', '--data', 'x']);
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /NOT_FOUND: there is no function nobody\n.*dcf list/);
  const unwritable = await dcf(['invoke', 'talker', '--data', 'x', '--output', '/nonexistent/folder/file']);
  assert.equal(unwritable.code, 1);
  assert.match(unwritable.stderr, /--output \/nonexistent\/folder\/file cannot be written/);
});

const badUsage: string[][] = [
  ['nonsense'],
  ['invoke'],
  ['invoke', 'Not-A-Name', '--data', 'x'],
  ['invoke', 'talker', '--data', 'x', '--input', '-'],
  ['invoke', 'talker', '--input', '/nonexistent'],
  ['invoke', 'talker', '--timeout', 'soon'],
  ['logs', 'talker', '--since', 'yesterday'],
  ['logs', 'talker', '--tail', 'few'],
  ['list', '--nonsense'],
  ['deplyo', '.'],
  ['deploy', '.', '--set', 'nothing'],
  ['list', '--url', 'no url at all'],
];
test('bad usage is 2, says what is wrong, and shows no stack', async () => {
  for (const args of badUsage) {
    const { code, stdout, stderr } = await dcf(args);
    // What the SDK says of a URL is its own.
    assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
    assert.equal(stdout, '', args.join(' '));
    assert.match(stderr, /^dcf: ./);
    assert.doesNotMatch(stderr, /^\s+at /m);
  }
});

test('list shows every function, for people and as JSON', async () => {
  const { stdout } = await succeeds(['list']);
  const [head = '', ...rows] = stdout.trimEnd().split('\n');
  assert.match(head, /^NAME +REVISION +STATE +READY +CALLS +ERRORS/);
  assert.match(rows.find((row) => row.startsWith('talker ')) ?? '', new RegExp(`^talker +${revision} +ready +1/1 +\\d+ +\\d+`));
  const listed: { name: string; revision: string; state: string }[] = JSON.parse((await succeeds(['list', '--json'])).stdout);
  const talker = listed.find(({ name }) => name === 'talker');
  assert.deepEqual([talker?.revision, talker?.state], [revision, 'ready']);
});

test('describe tells revisions, replicas and the manifest, for people and as JSON', async () => {
  const { stdout } = await succeeds(['describe', 'talker']);
  for (const text of ['It talks', revision, 'Revisions', 'Replicas', 'Manifest', 'timeout: 30']) assert.ok(stdout.includes(text), text);
  const described: unknown = JSON.parse((await succeeds(['describe', 'talker', '--json'])).stdout);
  assert.ok(typeof described === 'object' && described !== null && 'manifest' in described && 'replicas' in described);
  assert.equal(Reflect.get(Object(described.manifest), 'name'), 'talker');
  assert.equal((await dcf(['describe', 'nobody'])).code, 1);
});

test('logs gives the entries that were asked for', async () => {
  const id = 'my-own-call';
  await daemon.client.invoke('talker', 'one of many', { requestId: id });
  await daemon.client.invoke('talker', 'the last');
  const texts = async (...args: string[]): Promise<string[]> => {
    const { stdout } = await succeeds(['logs', 'talker', '--json', ...args]);
    const lines = stdout.split('\n').filter((line) => line !== '');
    return lines.map((line) => String(Reflect.get(Object(JSON.parse(line)), 'text')));
  };
  assert.equal((await texts())[0], 'built');
  assert.deepEqual(await texts('--call', id), ['got one of many']);
  assert.deepEqual(await texts('--tail', '2'), ['got one of many', 'got the last']);
  assert.ok((await texts('--since', '10m')).includes('built'));
  assert.deepEqual(await texts('--since', '2999-01-01'), []);
  const { stdout } = await succeeds(['logs', 'talker', '--call', id]);
  assert.match(stdout, /^\d{4}-\d\d-\d\dT[\d:.]+Z info +r\d+w0@[0-9a-f]{8} my-own-call got one of many\n$/);
  assert.equal((await dcf(['logs', 'nobody'])).code, 1);
});

test('logs --follow tells what comes, and ends with Ctrl-C', async (t) => {
  const child = spawnCli(['logs', 'talker', '--follow', '--tail', '1'], { url: daemon.url });
  cleanUp(t, () => void child.kill('SIGKILL'));
  const closed = once(child, 'close');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  for (const text of ['first', 'second']) {
    await daemon.client.invoke('talker', text);
    assert.match((await lines.next()).value ?? '', new RegExp(`got ${text}$`));
  }
  child.kill('SIGINT');
  assert.deepEqual(await closed, [130, null]);
});

test('what Ctrl-C ends is given up at the daemon', async (t) => {
  const slow = `export class Handler {
  call(request) {
    console.log('waits');
    return new Promise((resolve) => request.signal.addEventListener('abort', () => { console.log('given up'); resolve(''); }));
  }
}`;
  // Its deadline would fire the signal, too.
  await deploySource(t, daemon, 'slow', slow, { timeout: '1h' });
  const child = spawnCli(['invoke', 'slow', '--data', 'x'], { url: daemon.url });
  cleanUp(t, () => void child.kill('SIGKILL'));
  const closed = once(child, 'close');
  for await (const { text } of daemon.control.logs({ name: 'slow', follow: true })) {
    if (text === 'waits') child.kill('SIGINT');
    if (text === 'given up') break;
  }
  assert.deepEqual(await closed, [130, null]);
});

test('init, run, deploy, invoke, delete: the way of a new function', async (t) => {
  const directory = await temporaryDirectory(t);
  const here = (args: readonly string[]): Promise<CliResult> => runCli(args, { url: daemon.url, directory });
  assert.equal((await here(['init', 'greeter'])).code, 0);
  const ran = await here(['run', 'greeter', '--data', 'Ada']);
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stdout, /Ada/);
  const deployed = await here(['deploy', 'greeter']);
  assert.equal(deployed.code, 0, deployed.stderr);
  assert.match(deployed.stdout, /^greeter@[0-9a-f]+ is active\ncall it: dcf invoke greeter --input /);
  const called = await here(['invoke', 'greeter', '--data', 'Ada']);
  assert.equal(called.stdout, ran.stdout, 'run and invoke give the same');
  assert.equal((await here(['init', 'greeter'])).code, 1, 'the folder is not empty');
  assert.match((await here(['delete', 'greeter', '--yes'])).stdout, /greeter is deleted/);
  const gone = await here(['invoke', 'greeter', '--data', 'Ada']);
  assert.equal(gone.code, 1);
  assert.match(gone.stderr, /NOT_FOUND/);
});

test('deploy --set changes the manifest, and a wrong key is refused', async () => {
  const folder = await writeFunction(
    owner,
    { name: 'settable', parameters: { unit: 'mm' } },
    {
      'handler.ts':
        'export class Handler { unit; constructor(context) { this.unit = context.parameters.unit; } call() { return this.unit; } }',
    },
  );
  await succeeds(['deploy', folder, '--set', 'parameters.unit=inch']);
  assert.equal((await succeeds(['invoke', 'settable'])).stdout, 'inch');
  assert.equal((await succeeds(['run', folder, '--set', 'parameters.unit=ell'])).stdout, 'ell');
  const refused = await dcf(['deploy', folder, '--set', 'paramters.unit=x']);
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /paramters/);
});

test('doctor tells of the daemon and every execution provider, for people and as JSON', async () => {
  const { stdout } = await succeeds(['doctor']);
  assert.match(
    stdout,
    new RegExp(`^ok +daemon +\\S+ at ${daemon.url}, process ${daemon.pid}.*, HTTP at ${new URL(daemon.http).host}$`, 'm'),
  );
  assert.match(stdout, /^ok +provider cpu +yes/m);
  assert.match(stdout, /^(ok|note) +provider cuda +(yes|no: .+)/m);
  const checkup: { checks: { name: string; state: string }[] } = JSON.parse((await succeeds(['doctor', '--json'])).stdout);
  assert.equal(checkup.checks.find(({ name }) => name === 'daemon')?.state, 'ok');
});
