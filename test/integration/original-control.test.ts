import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { temporaryDirectory } from '../support/cleanup.js';
import { startDaemon } from '../support/daemon.js';
import { answerOf, deploySource, echoSource } from '../support/functions.js';
import { messageOf, oldClient } from '../support/old-client.js';
import { eventually } from '../support/processes.js';

const owner = { after };
const packages = await temporaryDirectory(owner);
const daemon = await startDaemon(owner, { args: ['--packages', packages] });
const call = await oldClient(owner, daemon.url);

/** Answers with its variable GREETING, or with its version. */
function greeter(version: string): string {
  return `export class Handler { call() { return process.env.GREETING ?? '${version}'; } }\n`;
}

async function writePackage(path: string, source: string, manifest = '{"name":"any-name"}'): Promise<void> {
  await mkdir(join(packages, path), { recursive: true });
  await writeFile(join(packages, path, 'function.yaml'), manifest);
  await writeFile(join(packages, path, 'handler.ts'), source);
}

async function manifestOf(name: string): Promise<Record<string, unknown>> {
  const manifest: unknown = JSON.parse((await daemon.control.describe(name)).manifest);
  return Object(manifest);
}

/** What runs, to see that nothing has changed. */
async function running(): Promise<string[]> {
  return (await daemon.control.list()).map(({ name, revision }) => `${name}@${revision}`);
}

await writePackage('greet', greeter('one'));
await writePackage('team/greet-two', greeter('two'));
await writePackage('broken', 'export class Handler { constructor() { throw new Error("no weights here"); } }');

test('Deploy makes a function of a folder under the name that it is given', async (t) => {
  const answer = await call('Deploy', { Service: 'fresh', Image: 'greet' });
  t.after(() => call('Delete', { FunctionName: 'fresh' }));
  const [{ revision } = { revision: '' }] = await daemon.control.list();
  assert.deepEqual(answer, { code: 'OK', reply: { Msg: `fresh@${revision} is active` } });
  assert.equal(await answerOf(daemon, 'fresh'), 'one');
  assert.deepEqual(await call('Invoke', { Service: 'fresh', Input: Buffer.alloc(0) }), { code: 'OK', reply: { Msg: 'one' } });
});

test('Deploy refuses a name that is taken, and Update one that is not', async (t) => {
  await deploySource(t, daemon, 'taken', echoSource);
  t.after(() => call('Delete', { FunctionName: 'taken' }));
  const deploy = await call('Deploy', { Service: 'taken', Image: 'greet' });
  assert.deepEqual(deploy, { code: 'ALREADY_EXISTS', details: 'the function taken exists already: use Update to change it' });
  const update = await call('Update', { Service: 'absent', Image: 'greet' });
  assert.deepEqual(update, { code: 'NOT_FOUND', details: 'there is no function absent: use Deploy to create it' });
  assert.equal(await answerOf(daemon, 'taken', { input: 'still echo' }), 'still echo');
});

test('Update goes to another folder, and back to a revision by its id or its alias', async (t) => {
  await call('Deploy', { Service: 'moving', Image: 'greet' });
  t.after(() => call('Delete', { FunctionName: 'moving' }));
  const [, first = ''] = /@(\w+)/.exec(JSON.stringify(await call('GetMeta', { FunctionName: 'moving' }))) ?? [];
  await daemon.control.setAlias('moving', 'good', first);
  assert.equal((await call('Update', { Service: 'moving', Image: 'team/greet-two/' })).code, 'OK');
  assert.equal(await answerOf(daemon, 'moving'), 'two');
  assert.equal(messageOf(await call('Update', { Service: 'moving', Image: `moving@${first}` })), `moving@${first} is active`);
  assert.equal(await answerOf(daemon, 'moving'), 'one');
  assert.equal(messageOf(await call('Update', { Service: 'moving', Image: 'moving@good' })), `moving@${first} is active already`);
});

test('an image may be of another function: the new one has its package', async (t) => {
  await deploySource(t, daemon, 'model', greeter('of the model'));
  const { code } = await call('Deploy', { Service: 'copy', Image: `model@${(await daemon.control.describe('model')).summary?.revision}` });
  t.after(() => call('Delete', { FunctionName: 'copy' }));
  assert.equal(code, 'OK');
  assert.equal((await call('Delete', { FunctionName: 'model' })).code, 'OK');
  assert.equal(await answerOf(daemon, 'copy'), 'of the model');
});

test('variables, labels, annotations and memory come into the manifest; labels and annotations come back', async (t) => {
  await writePackage(
    'labelled',
    greeter('plain'),
    '{"name":"labelled","labels":{"team":"vision","tier":"test"},"environment":{"KEPT":"1"}}',
  );
  const answer = await call('Deploy', {
    Service: 'labelled',
    Image: 'labelled',
    EnvVars: { GREETING: 'hello from a variable' },
    Labels: { tier: 'production', 'example.com/owner': 'ada' },
    Annotations: { note: 'Grüße' },
    Limits: { Memory: '512Mi' },
    Requests: { Memory: '256M' },
  });
  t.after(() => call('Delete', { FunctionName: 'labelled' }));
  assert.equal(answer.code, 'OK', JSON.stringify(answer));
  assert.equal(await answerOf(daemon, 'labelled'), 'hello from a variable');
  const { environment, limits } = await manifestOf('labelled');
  assert.deepEqual(environment, { KEPT: '1', GREETING: 'hello from a variable' });
  assert.equal(Object(limits).memory, 512 * 2 ** 20);
  const meta = await call('GetMeta', { FunctionName: 'labelled' });
  const told = { Labels: { team: 'vision', tier: 'production', 'example.com/owner': 'ada' }, Annotations: { note: 'Grüße' } };
  assert.deepEqual('reply' in meta ? [Reflect.get(Object(meta.reply), 'Labels'), Reflect.get(Object(meta.reply), 'Annotations')] : [], [
    told.Labels,
    told.Annotations,
  ]);
});

test('a secret that is named becomes a variable of the function', async (t) => {
  await daemon.control.setSecret('GREETING', Buffer.from('a secret greeting'));
  const answer = await call('Deploy', { Service: 'secretive', Image: 'greet', Secrets: ['GREETING'] });
  t.after(() => call('Delete', { FunctionName: 'secretive' }));
  assert.equal(answer.code, 'OK', JSON.stringify(answer));
  assert.equal(await answerOf(daemon, 'secretive'), 'a secret greeting');
  const missing = await call('Update', { Service: 'secretive', Image: 'greet', Secrets: ['NOT_THERE'] });
  assert.equal(missing.code, 'FAILED_PRECONDITION');
  assert.match(JSON.stringify(missing), /NOT_THERE/);
});

test('what cannot be put in force is refused with the field and what to do', async () => {
  const before = await running();
  const image = { Service: 'refused', Image: 'greet' };
  const refusals: [object, RegExp][] = [
    [{ ...image, Constraints: ['node.role == worker'] }, /^Constraints: .*leave them out/],
    [{ ...image, RegistryAuth: 'dXNlcjpwYXNz' }, /^RegistryAuth: .*leave it out/],
    [{ ...image, Limits: { CPU: '100m' } }, /^Limits\.CPU: /],
    [{ ...image, Requests: { CPU: '1' } }, /^Requests\.CPU: /],
    [{ ...image, Limits: { Memory: '128m' } }, /^Limits\.Memory: "128m" is not a size: .*512Mi/],
    [{ ...image, Requests: { Memory: 'lots' } }, /^Requests\.Memory: "lots" is not a size/],
    [{ ...image, Limits: { Memory: '1Mi' } }, /limits\.memory.*at least 64MiB/],
    [{ ...image, Limits: { Memory: '1Gi' }, Requests: { Memory: '2Gi' } }, /^Requests\.Memory: 2Gi is above Limits\.Memory, 1Gi/],
    [{ ...image, Limits: { GPU: 'all' } }, /^Limits\.GPU: "all" is not a number of devices/],
    [{ ...image, EnvVars: { 'NOT A NAME': '1' } }, /environment/],
    [{ ...image, EnvVars: { TOO_BIG: 'x'.repeat(140_000) } }, /"environment\.TOO_BIG" is .*128 KiB with its name/],
    [{ ...image, EnvVars: { NUL: 'a\0b' } }, /"environment\.NUL" is .*without NUL characters/],
    [{ ...image, Labels: { 'no spaces': '1' } }, /labels/],
    [{ ...image, Service: 'Not-A-Name' }, /not a valid function name/],
    [{ Image: 'greet' }, /not a valid function name/],
  ];
  for (const [request, message] of refusals) {
    const answer = await call('Deploy', request);
    assert.equal(answer.code, 'INVALID_ARGUMENT', JSON.stringify([request, answer]));
    assert.match('details' in answer ? answer.details : '', message);
  }
  assert.deepEqual(await running(), before);
});

test('a folder whose Handler cannot be built leaves nothing, and says why', async (t) => {
  await call('Deploy', { Service: 'stays', Image: 'greet' });
  t.after(() => call('Delete', { FunctionName: 'stays' }));
  for (const [method, Service] of [
    ['Deploy', 'never'],
    ['Update', 'stays'],
  ] as const) {
    const answer = await call(method, { Service, Image: 'broken' });
    assert.equal(answer.code, 'FAILED_PRECONDITION', method);
    assert.match('details' in answer ? answer.details : '', /no weights here[\s\S]*handler\.ts:1/);
  }
  assert.equal(await answerOf(daemon, 'stays'), 'one');
  assert.equal((await call('GetMeta', { FunctionName: 'never' })).code, 'NOT_FOUND');
});

test('ReplicaUpdate sets how many replicas run; none lets the function rest', async (t) => {
  await deploySource(t, daemon, 'scaled', echoSource);
  t.after(() => call('Delete', { FunctionName: 'scaled' }));
  const bounds = async (): Promise<unknown> => {
    const { revisions } = await daemon.control.describe('scaled');
    return revisions.map(({ minReplicas, maxReplicas }) => [minReplicas, maxReplicas]);
  };
  assert.equal(messageOf(await call('ReplicaUpdate', { ServiceName: 'scaled', Replicas: 3 })), 'scaled has 3 replicas');
  assert.deepEqual(await bounds(), [[3, 3]]);
  assert.equal(messageOf(await call('ReplicaUpdate', { ServiceName: 'scaled', Replicas: 0 })), 'scaled has 0 to 3 replicas');
  assert.deepEqual(await bounds(), [[0, 3]]);
  for (const Replicas of [5000, 2 ** 60]) {
    assert.equal((await call('ReplicaUpdate', { ServiceName: 'scaled', Replicas })).code, 'INVALID_ARGUMENT');
  }
  assert.deepEqual(await bounds(), [[0, 3]]);
  assert.equal((await call('ReplicaUpdate', { ServiceName: 'nobody', Replicas: 1 })).code, 'NOT_FOUND');
  assert.equal((await call('ReplicaUpdate', { ServiceName: '', Replicas: 1 })).code, 'INVALID_ARGUMENT');
});

test('GetLog answers with the newest lines, oldest first', async (t) => {
  const source = `export class Handler {
    call(request) { for (let line = 1; line <= Number(request.text()); line++) console.log('line ' + line + ' of many'); return ''; }
  }`;
  await deploySource(t, daemon, 'talker', source, { callLog: false });
  t.after(() => call('Delete', { FunctionName: 'talker' }));
  assert.equal(messageOf(await call('GetLog', { FunctionName: 'talker' })), '');
  await daemon.client.invoke('talker', '1500');
  let lines: string[] = [];
  await eventually('the last line is in the log', async () => {
    lines = messageOf(await call('GetLog', { FunctionName: 'talker' })).split('\n');
    return lines.some((line) => line.endsWith('line 1500 of many'));
  });
  assert.equal(lines.length, 1001);
  assert.match(lines[0] ?? '', /^\d{4}-\d\d-\d\dT[\d:.]+Z info {2}\S+ line 501 of many$/);
  assert.equal((await call('GetLog', { FunctionName: 'nobody' })).code, 'NOT_FOUND');
  assert.equal((await call('GetLog', { FunctionName: '../talker' })).code, 'INVALID_ARGUMENT');
});

test('GetLog answers with no more than an old client can receive', async (t) => {
  const source = `export class Handler {
    call(request) { for (let n = 0; n < 40; n++) console.log(request.text() + ' ' + n + ' ' + 'x'.repeat(8000)); return ''; }
  }`;
  await deploySource(t, daemon, 'shouter', source, { callLog: false });
  t.after(() => call('Delete', { FunctionName: 'shouter' }));
  let text = '';
  for (const round of ['a', 'b', 'c', 'd', 'e']) {
    // More at once than a log keeps in memory would be lost.
    await daemon.client.invoke('shouter', round);
    await eventually('the lines are in the log', async () => {
      text = messageOf(await call('GetLog', { FunctionName: 'shouter' }));
      return new RegExp(` ${round} 39 x+\\n$`).test(text);
    });
  }
  assert.ok(text.length <= 2 ** 20 && text.length > 2 ** 19, `${text.length} bytes`);
});
