import assert from 'node:assert/strict';
import { cp, readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { packFunction } from '@dcf/sdk/package';
import sharp from 'sharp';
import { temporaryDirectory } from '../support/cleanup.js';
import { startDaemon } from '../support/daemon.js';
import { testPictures } from '../support/handwriting.js';
import { root } from '../support/programs.js';
import { lacksModules, testPython } from '../support/pythons.js';

const owner = { after };
const functions = join(root, 'functions');
interface Recognition {
  digit: number;
  confidence: number;
  scores: number[];
}

describe('digits, served from Python', { skip: lacksModules('numpy', 'onnxruntime', 'PIL') }, async () => {
  const daemon = await startDaemon(owner, { args: ['--python', (await testPython()).executable] });

  before(async () => {
    // The packages of this machine's Python do: what requirements.txt names would have to be fetched.
    const copy = await temporaryDirectory(owner);
    const offline = { recursive: true, filter: (path: string) => basename(path) !== 'requirements.txt' };
    await cp(join(functions, 'python-digits'), copy, offline);
    for (const folder of [join(functions, 'digits'), copy]) await daemon.control.deploy(await packFunction(folder));
  });

  async function read(name: string, picture: Uint8Array | string): Promise<Recognition> {
    return JSON.parse(Buffer.from((await daemon.client.invoke(name, picture)).output).toString());
  }

  /** What Python reads, once it is sure that TypeScript reads the same. */
  async function readByBoth(picture: Uint8Array, what: string): Promise<number> {
    const [python, typescript] = await Promise.all([read('python-digits', picture), read('digits', picture)]);
    assert.equal(python.digit, typescript.digit, what);
    assert.equal(python.confidence, python.scores[python.digit], what);
    assert.equal(python.scores.length, 10, what);
    for (const [digit, score] of typescript.scores.entries()) {
      assert.ok(Math.abs(score - (python.scores[digit] ?? Number.NaN)) < 0.05, `${what}: ${python.scores} and ${typescript.scores}`);
    }
    return python.digit;
  }

  test('reads every example as TypeScript does', async () => {
    const examples = join(functions, 'digits', 'examples');
    const files = await readdir(examples);
    assert.ok(files.length >= 10);
    for (const file of files) assert.equal(String(await readByBoth(await readFile(join(examples, file)), file)), file[0], file);
  });

  test('turns, reduces and fills pictures of other kinds as TypeScript does', async () => {
    const upright = sharp(await readFile(join(functions, 'digits', 'examples', '4-large-fine-pen.png')));
    const ink = await upright.clone().resize(200, 200).negate().extractChannel(0).toBuffer();
    const lightInk = sharp({ create: { width: 200, height: 200, channels: 3, background: 'white' } }).joinChannel(ink);
    const pictures = [
      { what: 'turned left, which its EXIF says', picture: upright.clone().rotate(-90).jpeg().withMetadata({ orientation: 6 }) },
      { what: 'upside down, which its EXIF says', picture: upright.clone().rotate(180).webp().withMetadata({ orientation: 3 }) },
      { what: 'white on transparent', picture: lightInk.png() },
      { what: '16 bits a pixel', picture: upright.clone().toColourspace('grey16').png() },
      { what: 'of a palette', picture: upright.clone().png({ palette: true, colours: 4 }) },
    ];
    for (const { what, picture } of pictures) assert.equal(await readByBoth(await picture.toBuffer(), what), 4, what);
  });

  test('reads handwriting that training never saw as TypeScript does, several in flight', async () => {
    const all = await testPictures();
    const pictures = all.filter((_, index) => index % (all.length / 200) === 0);
    assert.equal(pictures.length, 200);
    const waiting = pictures.entries();
    let right = 0;
    const reader = async (): Promise<void> => {
      for (const [index, { png, digit }] of waiting) if ((await readByBoth(png, `picture ${index}`)) === digit) right++;
    };
    await Promise.all(Array.from({ length: 8 }, reader));
    assert.ok(right >= 197, `${right} of 200`);
    const { batches } = await daemon.control.describe('python-digits');
    assert.ok(
      batches.some(({ size }) => size > 1),
      'no batch was made',
    );
  });

  test('refuses what is no picture, or a blank one, alone among others', async () => {
    const good = await readFile(join(functions, 'python-digits', 'examples', '2-small.png'));
    const white = { create: { width: 40, height: 40, channels: 3, background: 'white' } } as const;
    const bad: [Uint8Array | string, RegExp][] = [
      ['', /the input is empty/],
      ['this is text', /cannot be read as a PNG or JPEG picture/],
      [good.subarray(0, good.length / 2), /cannot be read as a PNG or JPEG picture/],
      [await sharp(white).png().toBuffer(), /the picture is blank/],
    ];
    await Promise.all(
      bad.map(async ([input, message]) => {
        await assert.rejects(read('python-digits', input), { code: 'INVALID_ARGUMENT', message });
        await assert.rejects(read('digits', input), { code: 'INVALID_ARGUMENT', message });
        assert.equal((await read('python-digits', good)).digit, 2);
      }),
    );
  });
});
