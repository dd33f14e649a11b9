import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { cleanUp } from '../support/cleanup.js';
import { spawnCli } from '../support/programs.js';
import { lacksPackages, startService } from '../support/services.js';

const owner = { after };
/** Where the script that made the example put its sentences, in seconds. */
const spoken = [
  { start: 0.8, end: 2.56 },
  { start: 3.76, end: 5.11 },
  { start: 6.11, end: 7.21 },
];
const bytesPerSecond = 32_000;
const headBytes = 44;

describe('voice-detector', { skip: await lacksPackages() }, async () => {
  const detector = await startService(owner, 'voice-detector');
  let recording: Buffer;
  before(async () => {
    await detector.deploy();
    recording = await detector.example('three-sentences.wav');
  });

  async function streamed(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<string> {
    const lines: Buffer[] = [];
    for await (const chunk of detector.daemon.client.stream('voice-detector', chunks)) lines.push(Buffer.from(chunk));
    return Buffer.concat(lines).toString();
  }

  /** The bytes in chunks whose sizes follow each other in turn. */
  function* cut(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
    for (let at = 0, turn = 0; at < bytes.length; turn++) {
      const size = sizes[turn % sizes.length] ?? 1;
      yield bytes.subarray(at, at + size);
      at += size;
    }
  }

  test('says from when to when somebody speaks', async () => {
    const found: unknown[] = (await detector.call(recording))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.equal(found.length, spoken.length, JSON.stringify(found));
    for (const [index, { start, end }] of spoken.entries()) {
      const segment = found[index];
      assert.ok(typeof segment === 'object' && segment !== null && 'start' in segment && 'end' in segment);
      assert.ok(Math.abs(Number(segment.start) - start) < 0.15, JSON.stringify({ segment, start }));
      assert.ok(Math.abs(Number(segment.end) - end) < 0.15, JSON.stringify({ segment, end }));
    }
  });

  test('says the same for chunks of any size, many callers at once', async () => {
    const expected = await detector.call(recording);
    const sizes = [[1, 2, 3, 5, 8, 13, 997], [1023], [4096, 1], [recording.length - 1, 1]];
    const answers = await Promise.all(sizes.map((each) => streamed(cut(recording, each))));
    for (const [index, answer] of answers.entries()) assert.equal(answer, expected, `${sizes[index]}`);
  });

  test('says that a sentence is over while the recording goes on', async () => {
    const expected = (await detector.call(recording)).trimEnd().split('\n');
    const ends = spoken.map(({ end }) => headBytes + Math.ceil((end + 0.6) * bytesPerSecond));
    const child = spawnCli(['invoke', 'voice-detector', '--stream', '--input', '-'], { url: detector.daemon.url });
    cleanUp(owner, () => void child.kill('SIGKILL'));
    let sent = 0;
    for (const [index, end] of ends.entries()) {
      // Nothing more is sent until the line is here.
      const part = recording.subarray(sent, end);
      for (const chunk of cut(part, [777, 3200])) child.stdin.write(chunk);
      sent = end;
      const [line] = await once(child.stdout, 'data');
      assert.equal(String(line), `${expected[index]}\n`);
    }
    child.stdin.end(recording.subarray(sent));
    await once(child, 'close');
    assert.equal(child.exitCode, 0);
  });

  test('hears a recording to its end that is cut, and one whose head does not say how long it is', async () => {
    const expected = (await detector.call(recording)).trimEnd().split('\n');
    const first = JSON.parse((await detector.call(recording.subarray(0, headBytes + 2 * bytesPerSecond + 1))).trimEnd());
    assert.deepEqual(first, { start: JSON.parse(expected[0] ?? '').start, end: 2 });
    const endless = Buffer.from(recording);
    endless.writeUInt32LE(0xff_ff_ff_ff, 4);
    endless.writeUInt32LE(0xff_ff_ff_ff, headBytes - 4);
    assert.deepEqual((await detector.call(endless)).trimEnd().split('\n'), expected);
    assert.equal(await detector.call(Buffer.concat([recording.subarray(0, headBytes), Buffer.alloc(bytesPerSecond)])), '');
  });

  test('refuses what is no such recording', async () => {
    const otherRate = Buffer.from(recording);
    otherRate.writeUInt32LE(8000, 24);
    const stereo = Buffer.from(recording);
    stereo.writeUInt16LE(2, 22);
    const bad: [Uint8Array | string, RegExp][] = [
      ['', /no WAV file of PCM: it ends too early/],
      ['this is text, and more of it', /no WAV file of PCM/],
      [recording.subarray(0, 30), /no WAV file of PCM/],
      [otherRate, /1 channels of 16 bits at 8000 Hz; it has to be 1 channel of 16 bits at 16000 Hz/],
      [stereo, /2 channels of 16 bits at 16000 Hz/],
    ];
    for (const [input, message] of bad) {
      await assert.rejects(detector.call(input), { code: 'INVALID_ARGUMENT', message });
      await assert.rejects(streamed([Buffer.from(input)]), { code: 'INVALID_ARGUMENT', message });
    }
  });
});
