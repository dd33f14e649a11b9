import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { RateLimiter } from '../../../../src/core/rate-limiter.js';
import { readLines } from '../../../../src/pool/output/output-lines.js';

const numbered = Array.from({ length: 20_000 }, (_, index) => `line ${index}\n`).join('');

/** What a process prints, in pieces as a pipe gives them, which end anywhere. */
function printed(text: string): Readable {
  const bytes = Buffer.from(text);
  const size = 65_536 - 7;
  return Readable.from(
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size)),
  );
}

test('every line that a process prints is taken, in order, also the last without an end', async () => {
  const stdout = printed(`${numbered}the last`);
  const lines: string[] = [];
  readLines(stdout, new RateLimiter(1_000_000, () => assert.fail('there is room for all')), (line) => lines.push(line));
  await once(stdout, 'end');
  assert.equal(lines.length, 20_001);
  assert.deepEqual([lines[0], lines[19_999], lines[20_000]], ['line 0', 'line 19999', 'the last']);
});

test('lines beyond the allowance are counted, each once', async () => {
  const stdout = printed(numbered);
  let taken = 0;
  let missing = 0;
  const allowance = new RateLimiter(100, (refused) => {
    missing += refused;
  });
  readLines(stdout, allowance, () => {
    taken += 1;
  });
  await once(stdout, 'end');
  allowance.flush();
  assert.ok(missing > 0);
  assert.equal(taken + missing, 20_000);
});

test('after a piece of what a process prints, other work has its turn', async () => {
  const stream = new PassThrough();
  const line = `${'x'.repeat(1023)}\n`;
  let lines = 0;
  readLines(stream, new RateLimiter(1000, () => undefined), () => {
    lines += 1;
  });
  for (let piece = 0; piece < 8; piece++) stream.write(line.repeat(16));
  stream.end();
  let over = false;
  stream.once('end', () => {
    over = true;
  });
  let before = 0;
  while (!over) {
    await setImmediate();
    assert.ok(lines - before <= 48, `${lines - before} lines in one turn`);
    before = lines;
  }
  assert.equal(lines, 8 * 16);
});
