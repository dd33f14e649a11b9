import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { CommandError } from '../../../../src/cli/terminal/errors.js';
import { type InputOptions, openInput, readInput, type Stdin } from '../../../../src/cli/terminal/input.js';

const never: Pick<Stdin, 'hintAfterMs' | 'silenceMs'> = { hintAfterMs: 1e9, silenceMs: 1e9 };

function piped(text: string): Stdin {
  return { stream: Readable.from([Buffer.from(text)]), ...never };
}

async function textOf(options: InputOptions, stdin: Stdin): Promise<string> {
  return Buffer.from(await readInput(options, stdin)).toString();
}

test('what is piped is the input where nothing else is named', async () => {
  assert.equal(await textOf({}, piped('Ada')), 'Ada');
  assert.equal(await textOf({ input: '-' }, piped('Ada')), 'Ada');
  assert.equal(await textOf({ data: 'ü' }, piped('Ada')), 'ü');
  assert.equal(await textOf({ data: '' }, piped('Ada')), '');
  assert.equal(await textOf({}, piped('')), '');
  const streamed = await openInput({}, piped('Ada'));
  assert.ok(typeof streamed === 'object');
  assert.equal((await buffer(streamed)).toString(), 'Ada');
});

test('a terminal is no input unless it is asked for', async () => {
  const terminal = (): Stdin => ({ stream: Object.assign(Readable.from([Buffer.from('typed')]), { isTTY: true }), ...never });
  assert.equal(await textOf({}, terminal()), '');
  assert.equal(await textOf({ input: '-' }, terminal()), 'typed');
  assert.equal(await openInput({}, terminal()), undefined);
});

test('two inputs, and one that cannot be read', async () => {
  await assert.rejects(readInput({ data: 'x', input: 'y' }), /not both/);
  await assert.rejects(readInput({ input: '/nowhere' }), /--input \/nowhere cannot be read: there is no such file or folder \(ENOENT\)/);
  await assert.rejects(readInput({ input: '/' }), /--input \/ cannot be read: it is a folder \(EISDIR\)/);
});

test('a pipe that stays silent fails and is never taken for an empty input; one that is asked for may take its time', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const open = (): { stream: PassThrough } & Stdin => ({ stream: new PassThrough(), hintAfterMs: 2_000, silenceMs: 60_000 });
  const said: string[] = [];
  t.mock.method(process.stderr, 'write', (text: string) => said.push(text));
  const silent = readInput({}, open());
  t.mock.timers.tick(59_999);
  assert.deepEqual(said, ['dcf: waiting for the input on stdin (for an empty input: < /dev/null)\n']);
  t.mock.timers.tick(1);
  await assert.rejects(silent, (error) => error instanceof CommandError && error.exitCode === 2 && /nothing has come/.test(error.message));
  for (const options of [{}, { input: '-' }]) {
    const stdin = open();
    const slow = readInput(options, stdin);
    t.mock.timers.tick(options.input === '-' ? 1e8 : 50_000);
    stdin.stream.write('A');
    await new Promise(setImmediate);
    t.mock.timers.tick(1e8);
    stdin.stream.end('da');
    assert.equal(Buffer.from(await slow).toString(), 'Ada');
  }
  const ended = open();
  const empty = readInput({}, ended);
  ended.stream.end();
  assert.equal((await empty).length, 0);
  said.length = 0;
  t.mock.timers.tick(1e8);
  assert.deepEqual(said, [], 'once it is over nobody waits for it');
});
