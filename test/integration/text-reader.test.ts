import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import sharp from 'sharp';
import { lacksPackages, startService } from '../support/services.js';

const owner = { after };
const lines = ['Order no. 2041', 'Total: 84.50 EUR', 'Due on 12 March'];

interface Reading {
  text: string;
  lines: { text: string; score: number; box: number[][] }[];
}

function isReading(value: unknown): value is Reading {
  return typeof value === 'object' && value !== null && 'text' in value && 'lines' in value && Array.isArray(value.lines);
}

/** What a reader may make of a blank: too narrow a one is lost. */
const withoutBlanks = (text: string): string => text.replaceAll(' ', '');

describe('text-reader', { skip: await lacksPackages(['libgl1']) }, async () => {
  const reader = await startService(owner, 'text-reader');
  before(() => reader.deploy());

  async function read(picture: Uint8Array): Promise<Reading> {
    const answer: unknown = JSON.parse(await reader.call(picture));
    assert.ok(isReading(answer), JSON.stringify(answer));
    return answer;
  }

  test('reads the lines of a picture from top to bottom, and says where they stand', async () => {
    const found = await read(await reader.example('note.png'));
    assert.deepEqual(found.text.split('\n').map(withoutBlanks), lines.map(withoutBlanks));
    assert.deepEqual(
      found.lines.map(({ text }) => text),
      found.text.split('\n'),
    );
    for (const [index, { score, box }] of found.lines.entries()) {
      assert.ok(score > 0.8 && score <= 1, `${score}`);
      assert.equal(box.length, 4);
      // The script that draws the picture has a line every 52 pixels.
      for (const [x = -1, y = -1] of box) assert.ok(x > 20 && x < 380 && Math.abs(y - 42 - 52 * index) < 26, `${box}`);
    }
  });

  test('reads a photo that lies on its side, light ink on dark and on transparent', async () => {
    const note = sharp(await reader.example('note.png'));
    const ink = await note.clone().negate().extractChannel(0).toBuffer();
    const { width = 0, height = 0 } = await note.metadata();
    const transparent = sharp({ create: { width, height, channels: 3, background: 'black' } }).joinChannel(ink);
    const pictures = [
      { what: 'turned, as its EXIF says', picture: note.clone().rotate(-90).jpeg({ quality: 95 }).withMetadata({ orientation: 6 }) },
      { what: 'light on dark', picture: note.clone().negate().webp() },
      { what: 'on transparent', picture: transparent.png() },
    ];
    for (const { what, picture } of pictures) {
      const { text } = await read(await picture.toBuffer());
      assert.deepEqual(text.split('\n').map(withoutBlanks), lines.map(withoutBlanks), what);
    }
  });

  test('finds nothing on a blank page, and refuses what is no picture or too large a one', async () => {
    const white = (width: number, height: number) => sharp({ create: { width, height, channels: 3, background: 'white' } });
    assert.deepEqual(await read(await white(300, 200).png().toBuffer()), { text: '', lines: [] });
    const note = await reader.example('note.png');
    const bad: [Uint8Array | string, RegExp][] = [
      ['', /cannot be read as a picture/],
      ['this is text', /cannot be read as a picture/],
      [note.subarray(0, note.length / 2), /cannot be read as a picture/],
      [await white(8000, 6000).png().toBuffer(), /8000 x 6000 pixels; 40000000 are allowed/],
    ];
    for (const [input, message] of bad) await assert.rejects(reader.call(input), { code: 'INVALID_ARGUMENT', message });
  });
});
