import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { packFunction } from '@dcf/sdk/package';
import { temporaryDirectory } from '../support/cleanup.js';
import { startDaemon } from '../support/daemon.js';
import { mnistPictures, noMnist } from '../support/handwriting.js';
import { root } from '../support/programs.js';
import { lacksModules, noPython, testPython } from '../support/pythons.js';

const owner = { after };
const functions = join(root, 'functions');

test('every Python sample function is tried here or in a file of its own', async () => {
  assert.deepEqual(
    (await readdir(functions)).filter((name) => name.startsWith('python-')),
    ['python-classifier', 'python-digits', 'python-image-size', 'python-initializer', 'python-json', 'python-pickle'],
  );
});

describe('sample functions in Python', { skip: noPython }, async () => {
  const { executable } = await testPython();
  const daemon = await startDaemon(owner, { args: ['--python', executable] });

  /** Deploys a copy without requirements.txt: what that names would have to be fetched, and the Python of this machine has it. */
  async function deploy(name: string): Promise<void> {
    const copy = await temporaryDirectory(owner);
    const offline = { recursive: true, filter: (path: string) => basename(path) !== 'requirements.txt' };
    await cp(join(functions, name), copy, offline);
    await daemon.control.deploy(await packFunction(copy));
  }

  async function call(name: string, input: Uint8Array | string): Promise<string> {
    return Buffer.from((await daemon.client.invoke(name, input)).output).toString();
  }

  async function example(name: string, file: string): Promise<Buffer> {
    return await readFile(join(functions, name, 'examples', file));
  }

  async function refuses(name: string, input: Uint8Array | string, message: RegExp): Promise<void> {
    await assert.rejects(daemon.client.invoke(name, input), { code: 'INVALID_ARGUMENT', message });
  }

  test('python-json answers with the same JSON, and refuses what is none', async () => {
    await deploy('python-json');
    const order = await example('python-json', 'order.json');
    assert.deepEqual(JSON.parse(await call('python-json', order)), JSON.parse(order.toString()));
    for (const bad of ['', '{', "{'a': 1}"]) await refuses('python-json', bad, /JSON/);
  });

  test('python-pickle answers in JSON, and builds nothing but plain values', async () => {
    await deploy('python-pickle');
    const order = { order: 17, items: ['lamp', 'chair'], paid: true, total: 84.5 };
    assert.deepEqual(JSON.parse(await call('python-pickle', await example('python-pickle', 'order.pickle'))), order);
    const pickled = async (value: string): Promise<Buffer> => {
      const program = `import os, pickle, sys; sys.stdout.buffer.write(pickle.dumps(${value}))`;
      return (await promisify(execFile)(executable, ['-c', program], { encoding: 'buffer' })).stdout;
    };
    assert.equal(
      await call('python-pickle', await pickled('{"set": {1}, "bytes": b"\\xff", "none": None}')),
      '{"set": [1], "bytes": "ff", "none": null}',
    );
    await refuses('python-pickle', await pickled('os.system'), /no pickle of plain values: posix\.system is no plain value/);
    for (const bad of ['', 'rubbish', Buffer.from([0x80, 4, 0x95, 255, 255])])
      await refuses('python-pickle', bad, /no pickle of plain values/);
  });

  test('python-initializer builds its model once, from the directory that the environment names', async () => {
    await deploy('python-initializer');
    const answer: unknown = JSON.parse(await call('python-initializer', await example('python-initializer', 'letter.txt')));
    assert.ok(typeof answer === 'object' && answer !== null && 'language' in answer && answer.language === 'german');
    assert.match(await call('python-initializer', 'le petit chat dort sur le mur'), /"language":\s?"french"/);
    await assert.rejects(daemon.client.invoke('python-initializer', '123'), { code: 'UNKNOWN', message: /the text has no letters/ });
    const lines: string[] = [];
    for await (const { text } of daemon.control.logs({ name: 'python-initializer' })) lines.push(text);
    assert.deepEqual(
      lines.filter((line) => line.includes('languages in')),
      ['4 languages in model'],
    );
  });

  test('python-image-size says how large a picture is, and refuses what is none', { skip: lacksModules('PIL') }, async () => {
    await deploy('python-image-size');
    const flag = await example('python-image-size', 'flag.base64');
    assert.deepEqual(JSON.parse(await call('python-image-size', flag)), { width: 8, height: 5, format: 'png' });
    await refuses('python-image-size', '!', /not base64 text/);
    await refuses('python-image-size', Buffer.from('no picture').toString('base64'), /not a picture in a known format/);
  });

  describe('python-classifier', { skip: lacksModules('torch', 'numpy', 'PIL') || noMnist || false }, () => {
    before(() => deploy('python-classifier'));

    test('reads nine digits of ten, several in flight, with weights that are loaded once', async () => {
      const pictures = (await mnistPictures()).slice(0, 300);
      const answers = await Promise.all(pictures.map(({ png }) => call('python-classifier', png)));
      const right = answers.filter((answer, index) => JSON.parse(answer).digit === pictures[index]?.digit);
      assert.ok(right.length >= 270, `${right.length} of 300 are right`);
      const { batches } = await daemon.control.describe('python-classifier');
      assert.ok(
        batches.some(({ size }) => size > 1),
        'no batch had more than one picture',
      );
    });

    test('refuses what is no picture of its size', async () => {
      await refuses('python-classifier', 'rubbish', /cannot be read as a picture/);
      await refuses(
        'python-classifier',
        await example('python-digits', (await readdir(join(functions, 'python-digits/examples')))[0] ?? ''),
        /not 28 x 28/,
      );
    });
  });
});
