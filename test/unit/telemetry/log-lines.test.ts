import assert from 'node:assert/strict';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { linesBackwards, linesForwards } from '../../../src/telemetry/log-lines.js';
import { temporaryDirectory } from '../../support/cleanup.js';

async function collect(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

async function fileWith(context: TestContext, text: string) {
  const file = await open(join(await temporaryDirectory(context), 'log'), 'w+');
  context.after(() => file.close());
  await file.writeFile(text);
  return { file, size: Buffer.byteLength(text) };
}

describe('the lines of a file', () => {
  test('are the same from both ends, however they lie across chunks', async (context) => {
    const file = await open(join(await temporaryDirectory(context), 'log'), 'w+');
    context.after(() => file.close());
    const length = fc.oneof(fc.nat(100), fc.integer({ min: 65_500, max: 65_600 }), fc.integer({ min: 131_000, max: 131_100 }));
    const line = fc
      .tuple(length, fc.constantFrom('a', 'ä', '\u2028', '\r'))
      .map(([count, unit]) => unit.repeat(count / Buffer.byteLength(unit)));
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 6 }), async (lines) => {
        const bytes = Buffer.from(lines.join('\n'));
        await file.truncate();
        await file.write(bytes, 0, bytes.length, 0);
        const log = { file, size: bytes.length };
        const expected = lines.join('\n').split('\n');
        assert.deepEqual(await collect(linesForwards(log)), expected);
        assert.deepEqual(await collect(linesBackwards(log)), expected.toReversed());
      }),
      { numRuns: 100 },
    );
  });

  test('end where the file did when it was opened', async (context) => {
    const log = await fileWith(context, 'one\ntwo\n');
    await log.file.appendFile('three\n');
    assert.deepEqual(await collect(linesForwards(log)), ['one', 'two', '']);
    assert.deepEqual(await collect(linesBackwards(log)), ['', 'two', 'one']);
  });

  test('end where the file does, when it was cut meanwhile', async (context) => {
    const log = await fileWith(context, 'one\ntwo\n');
    await log.file.truncate(5);
    assert.deepEqual(await collect(linesForwards(log)), ['one', 't']);
    assert.deepEqual(await collect(linesBackwards(log)), ['t', 'one']);
  });
});
