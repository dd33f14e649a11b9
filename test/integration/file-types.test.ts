import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { lacksPackages, startService } from '../support/services.js';

const owner = { after };
const examples = [
  { file: 'area', label: 'python', mime: 'text/x-python' },
  { file: 'flag.png', label: 'png', mime: 'image/png' },
  { file: 'notes.zip', label: 'zip', mime: 'application/zip' },
  { file: 'order.json', label: 'json', mime: 'application/json' },
  { file: 'people.csv', label: 'csv', mime: 'text/csv' },
  { file: 'shopping.md', label: 'markdown', mime: 'text/markdown' },
];

describe('file-types', { skip: await lacksPackages() }, async () => {
  const types = await startService(owner, 'file-types');
  before(() => types.deploy());

  async function labelOf(input: Uint8Array | string): Promise<string> {
    const answer: unknown = JSON.parse(await types.call(input));
    assert.ok(typeof answer === 'object' && answer !== null && 'label' in answer && 'mime' in answer && 'score' in answer);
    assert.ok(Number(answer.score) > 0.4 && Number(answer.score) <= 1, JSON.stringify(answer));
    return `${answer.label} ${answer.mime}`;
  }

  test('says of what type the examples are, whatever they are called', async () => {
    for (const { file, label, mime } of examples) assert.equal(await labelOf(await types.example(file)), `${label} ${mime}`, file);
  });

  test('says the same of many at once, which the model looks at in batches', async () => {
    const files = await Promise.all(examples.map(async ({ file, label, mime }) => ({ content: await types.example(file), label, mime })));
    const wanted = Array.from({ length: 32 }, (_, index) => files[index % files.length] ?? assert.fail());
    const answers = await Promise.all(wanted.map(({ content }) => labelOf(content)));
    assert.deepEqual(
      answers,
      wanted.map(({ label, mime }) => `${label} ${mime}`),
    );
    const { batches } = await types.daemon.control.describe('file-types');
    // The first call may go alone; the others wait for it together.
    assert.ok(
      batches.some(({ size }) => size >= 8),
      JSON.stringify(batches),
    );
  });

  test('has an answer for the empty file, for a few letters and for bytes of no type', async () => {
    assert.equal(await labelOf(''), 'empty inode/x-empty');
    assert.equal(await labelOf('Hi'), 'txt text/plain');
    assert.equal(await labelOf(Buffer.from([0xff, 0xfe, 0xfd])), 'unknown application/octet-stream');
  });
});
