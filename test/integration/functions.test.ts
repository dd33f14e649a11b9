import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import sharp from 'sharp';
import { startDaemon } from '../support/daemon.js';
import { drawnPictures, mnistPictures, noMnist, type Picture, testPictures } from '../support/handwriting.js';
import { root, runCli } from '../support/programs.js';

const owner = { after };
const daemon = await startDaemon(owner);

function folderOf(name: string): string {
  return join(root, 'functions', name);
}

/** Deploys a function of this repository as it stands. */
async function deploy(name: string, ...options: string[]): Promise<void> {
  const { code, stderr, stdout } = await runCli(['deploy', folderOf(name), ...options], { url: daemon.url });
  assert.equal(code, 0, stderr);
  assert.match(stdout, new RegExp(`^${name}@[0-9a-f]+ (is|was) active`));
}

async function example(name: string, file: string): Promise<Buffer> {
  return await readFile(join(folderOf(name), 'examples', file));
}

async function call(name: string, input: Uint8Array | string): Promise<string> {
  return Buffer.from((await daemon.client.invoke(name, input)).output).toString();
}

async function refuses(name: string, input: Uint8Array | string, message: RegExp): Promise<void> {
  await assert.rejects(daemon.client.invoke(name, input), { code: 'INVALID_ARGUMENT', message });
}

/** Examples that install packages; each has a test of its own. */
const services = ['file-types', 'text-reader', 'voice-detector'];

test('every sample function is tried, those in Python in tests of their own', async () => {
  assert.deepEqual(
    (await readdir(join(root, 'functions'), { withFileTypes: true }))
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('python-'))
      .map(({ name }) => name)
      .sort(),
    ['digits', 'echo', 'image-size', 'json', 'read-number', 'upper', ...services].sort(),
  );
});

test('echo answers with the bytes that it was sent', async () => {
  await deploy('echo');
  const hello = await example('echo', 'hello.txt');
  assert.equal(await call('echo', hello), hello.toString());
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  assert.ok(Buffer.from((await daemon.client.invoke('echo', bytes)).output).equals(bytes));
});

test('json answers with the same JSON, and refuses what is none', async () => {
  await deploy('json');
  const order = await example('json', 'order.json');
  assert.equal(await call('json', order), JSON.stringify(JSON.parse(order.toString())));
  assert.equal(await call('json', ' null '), 'null');
  for (const bad of ['', '{', "{'a': 1}", 'NaN']) await refuses('json', bad, /the input is not valid JSON/);
});

test('image-size says how large a picture is, and refuses what is none', async () => {
  await deploy('image-size');
  assert.equal(await call('image-size', await example('image-size', 'flag.base64')), '{"width":8,"height":5,"format":"png"}');
  await refuses('image-size', '', /the input is empty/);
  await refuses('image-size', 'no base64 at all!', /not base64 text/);
  await refuses('image-size', Buffer.from('no picture').toString('base64'), /not a picture in a known format/);
});

test('read-number has digits read each picture, and passes on what it refuses', async () => {
  await deploy('digits');
  await deploy('read-number');
  const { number, confidence } = JSON.parse(await call('read-number', await example('read-number', '821.json')));
  assert.equal(number, '821');
  assert.ok(confidence > 0.5 && confidence <= 1);
  await refuses('read-number', '{}', /must be a JSON list with a picture/);
  await refuses('read-number', '["bm8="]', /^digits: /);
});

test('upper answers each chunk in capital letters', async () => {
  await deploy('upper');
  const chunks: string[] = [];
  const cut = Buffer.from('ä b');
  for await (const chunk of daemon.client.stream('upper', [cut.subarray(0, 1), cut.subarray(1), 'c']))
    chunks.push(Buffer.from(chunk).toString());
  assert.equal(chunks.join(''), 'Ä BC');
  assert.match(await call('upper', await example('upper', 'poem.txt')), /^A CHUNK GOES OUT,\n/);
});

async function blankPicture(): Promise<Buffer> {
  return await sharp({ create: { width: 40, height: 40, channels: 3, background: 'white' } })
    .png()
    .toBuffer();
}

/** A PNG whose header tells another size than the picture has. */
function withSize(png: Buffer, width: number, height: number): Buffer {
  const result = Buffer.from(png);
  result.writeUInt32BE(width, 16);
  result.writeUInt32BE(height, 20);
  return result;
}

/** The answers of digits, in the order of the pictures. */
async function readAll(pictures: readonly Picture[], inFlight: number): Promise<string[]> {
  const answers: string[] = [];
  const waiting = pictures.entries();
  const reader = async (): Promise<void> => {
    for (const [index, { png }] of waiting) answers[index] = await call('digits', png);
  };
  await Promise.all(Array.from({ length: inFlight }, reader));
  return answers;
}

function digitOf(answer = ''): number {
  const { digit }: { digit: number } = JSON.parse(answer);
  return digit;
}

/** Whether two answers of digits are of the same digit; an execution provider may round a batch's scores otherwise. */
function sameScores(one = '', other = ''): boolean {
  const [a, b]: { digit: number; scores: number[] }[] = [JSON.parse(one), JSON.parse(other)];
  return a?.digit === b?.digit && a?.scores.every((score, digit) => Math.abs(score - (b?.scores[digit] ?? 0)) < 1e-4) === true;
}

describe('digits', () => {
  /** batch.maxSize of its manifest. */
  const maxBatch = 8;

  test('reads every example', async () => {
    await deploy('digits');
    const files = await readdir(join(folderOf('digits'), 'examples'));
    assert.ok(files.length >= 10);
    for (const file of files) {
      const { digit, confidence, scores }: { digit: number; confidence: number; scores: number[] } = JSON.parse(
        await call('digits', await example('digits', file)),
      );
      assert.equal(String(digit), file[0], file);
      assert.equal(scores.length, 10);
      assert.ok(confidence === scores[digit] && Math.abs(scores.reduce((sum, score) => sum + score, 0) - 1) < 1e-4);
    }
  });

  test('refuses what is no picture, or a blank one', async () => {
    await refuses('digits', '', /./);
    await refuses('digits', 'this is text', /picture/);
    const png = await example('digits', '2-small.png');
    for (const end of [8, 20, 24, png.length / 2]) await refuses('digits', png.subarray(0, end), /cannot be read as a PNG or JPEG picture/);
    await refuses('digits', withSize(png, 0, 40), /cannot be read as a PNG or JPEG picture/);
    await refuses('digits', withSize(png, 20_000, 20_000), /exceeds pixel limit/);
    await refuses('digits', await blankPicture(), /blank/);
  });

  for (const { what, skip, read, count } of [
    { what: 'two hundred drawn digits', skip: false, read: drawnPictures, count: 200 },
    { what: 'the handwriting that training never saw', skip: noMnist ?? false, read: mnistPictures, count: 1000 },
  ]) {
    test(`reads at least 98.5 % of ${what}, several in flight`, { skip }, async (t) => {
      const pictures = await read();
      assert.equal(pictures.length, count);
      const answers = await readAll(pictures, 8);
      const right = pictures.filter(({ digit }, index) => digitOf(answers[index]) === digit).length;
      t.diagnostic(`digits read ${right} of ${count} right, ${((100 * right) / count).toFixed(1)} %`);
      assert.ok(right / count >= 0.985, `${right} of ${count}`);
    });
  }

  test('reads the same in batches as one by one', async (t) => {
    const pictures = await testPictures();
    const answers = await readAll(pictures, 32);
    const counts = new Map((await daemon.control.describe('digits')).batches.map(({ size, count }) => [size, count]));
    assert.ok((counts.get(maxBatch) ?? 0) > 0, `no full batch: ${JSON.stringify([...counts])}`);
    await deploy('digits', '--set', 'batch.maxSize=1');
    const alone = await readAll(pictures, 32);
    assert.deepEqual((await daemon.control.describe('digits')).batches, []);
    const differ = pictures.filter((_, index) => !sameScores(answers[index], alone[index]));
    t.diagnostic(
      `${answers.filter((answer, index) => answer === alone[index]).length} of ${pictures.length} answers are the same to the last digit`,
    );
    assert.equal(differ.length, 0, `${differ.length} pictures are read otherwise in a batch`);
    await deploy('digits');
  });

  test('a bad picture in a batch fails alone, with its own error', async () => {
    const good = await example('digits', '2-small.png');
    const { batches: before } = await daemon.control.describe('digits');
    // The first goes at once, and the others wait for it together.
    const inputs: (Uint8Array | string)[] = [good, good, 'this is text', good, '', await blankPicture(), good];
    const outcomes = await Promise.allSettled(inputs.map((input) => call('digits', input)));
    const texts = outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value.slice(0, 11) : `${outcome.reason.message}`));
    for (const index of [0, 1, 3, 6]) assert.equal(texts[index], '{"digit":2,');
    assert.match(texts[2] ?? '', /cannot be read as a PNG or JPEG picture/);
    assert.match(texts[4] ?? '', /the input is empty/);
    assert.match(texts[5] ?? '', /blank/);
    const { batches } = await daemon.control.describe('digits');
    assert.notDeepEqual(batches, before);
    assert.ok(batches.some(({ size }) => size > 1));
  });

  test('tells which execution provider its session really uses', async () => {
    const { summary } = await daemon.control.describe('digits');
    assert.equal(summary?.providers.length, 1);
    const { providers } = await daemon.control.info();
    const usable = providers.filter((provider) => provider.usable).map(({ name }) => name);
    assert.ok(usable.includes(summary?.providers[0] ?? ''), `${summary?.providers} of ${usable}`);
  });
});
