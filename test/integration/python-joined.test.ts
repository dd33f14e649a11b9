import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { startDaemon } from '../support/daemon.js';
import { answerOf, deploySource, echoSource } from '../support/functions.js';
import { invokesClient } from '../support/invokes.js';
import { eventually } from '../support/processes.js';
import { noPython } from '../support/pythons.js';

const owner = { after };
const python = { runtime: 'python' } as const;

const streaming = `
class Handler:
  A def __call__(self, req):
    if req.metadata.get("do") == "endless":
      while True: yield b"z" * 1000
    total = 0
    A for chunk in req.chunks:
      total += 1
      yield chunk.upper()
      if req.metadata.get("do") == "fail": raise ValueError("after chunks")
    yield str(total)
`;

const calling = `
class Handler:
  def __init__(self, context): self.context = context
  A def __call__(self, req):
    name, text = req.text().split(" ")
    return W self.context.call(name, text)
`;

const kinds = [
  ['plain', ''],
  ['async', 'async '],
] as const;

function sourceOf(source: string, word: string): string {
  return source.replaceAll('A ', word).replaceAll('W ', word === '' ? '' : 'await ');
}

describe('Python functions with streams and with others', { skip: noPython }, async () => {
  const daemon = await startDaemon(owner);
  await deploySource(owner, daemon, 'echo', echoSource);
  for (const [kind, word] of kinds) {
    await deploySource(owner, daemon, `streaming-${kind}`, sourceOf(streaming, word), python);
    await deploySource(owner, daemon, `calling-${kind}`, sourceOf(calling, word), { ...python, replicas: { min: 1, max: 4 } });
  }

  for (const [kind] of kinds) {
    const name = `streaming-${kind}`;
    const read = async (chunks: AsyncIterable<Uint8Array>): Promise<string[]> => {
      const texts: string[] = [];
      for await (const chunk of chunks) texts.push(Buffer.from(chunk).toString());
      return texts;
    };

    test(`chunks go in and out in order, ${kind}`, async () => {
      const inputs = Array.from({ length: 2_000 }, (_, index) => `chunk ${index}`);
      const texts = await read(daemon.client.stream(name, inputs));
      assert.deepEqual(texts, [...inputs.map((text) => text.toUpperCase()), '2000']);
    });

    test(`large chunks come back whole, and a call without chunks gets all of them at once, ${kind}`, async () => {
      const inputs = Array.from({ length: 24 }, (_, index) => String.fromCharCode(65 + index).repeat(1 << 20));
      assert.deepEqual(await read(daemon.client.stream(name, inputs)), [...inputs, '24']);
      assert.equal(await answerOf(daemon, name, { input: 'whole' }), 'WHOLE1');
    });

    test(`an error after chunks, and a reader who leaves, ${kind}`, async () => {
      const seen: string[] = [];
      await assert.rejects(
        async () => {
          for await (const chunk of daemon.client.stream(name, ['a', 'b'], { metadata: { do: 'fail' } })) seen.push(String(chunk.length));
        },
        { code: 'UNKNOWN', message: 'after chunks' },
      );
      assert.deepEqual(seen, ['1']);
      let chunks = 0;
      for await (const _ of daemon.client.stream(name, '', { metadata: { do: 'endless' } })) if (++chunks === 50) break;
      await eventually('nothing runs any more', async () => (await daemon.control.describe(name)).running === 0);
      assert.equal(await answerOf(daemon, name, { input: 'kept' }), 'KEPT1');
    });

    test(`a call of another function, of either runtime, and of itself, ${kind}`, async () => {
      const caller = `calling-${kind}`;
      assert.equal(await answerOf(daemon, caller, { input: 'echo hello' }), 'hello');
      assert.equal(await answerOf(daemon, caller, { input: `${name} hello` }), 'HELLO1');
      await assert.rejects(answerOf(daemon, caller, { input: 'nobody hello' }), { code: 'NOT_FOUND' });
      await assert.rejects(answerOf(daemon, caller, { input: `${caller} ${caller}` }), /not enough values|expected 2/);
    });
  }

  test('the function of the original that yields answers Invokes with a message for each, until the client is gone', async () => {
    const source = `
def Handler(req):
  try:
    for number in range(10 ** 9 if req.input == b"endless" else int(req.input)):
      yield f"{req.text()}: {number}"
  finally:
    print("left", req.text())
`;
    await deploySource(owner, daemon, 'frames', source, python);
    const open = invokesClient(owner, daemon.url);
    const stream = open();
    for (const request of ['2', '0', '1', 'endless']) await stream.write('frames', request);
    await stream.came(100);
    assert.deepEqual(stream.outputs.slice(0, 5).map(String), ['2: 0', '2: 1', '1: 0', 'endless: 0', 'endless: 1']);
    stream.cancel();
    await eventually('the generator is closed', async () => {
      for await (const { text } of daemon.control.logs({ name: 'frames' })) if (text === 'left endless') return true;
      return false;
    });
  });
});
