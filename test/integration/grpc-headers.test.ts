import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { temporaryDirectory } from '../support/cleanup.js';
import { startDaemon } from '../support/daemon.js';
import { deploySource } from '../support/functions.js';
import { type Gate, shutGate, untilThere } from '../support/gate.js';
import { assertNoMistakes } from '../support/mistakes.js';
import { eventually } from '../support/processes.js';
import { runPython, tellingPrelude, withoutPython } from '../support/python.js';
import { invokeRequest, type RawResult, rawClient } from '../support/raw-client.js';
import { rawHttp2 } from '../support/raw-http2.js';

const owner = { after };
const daemon = await startDaemon(owner);
/** Answers when the file is there that the metadata `gate` names, or at once. */
const source = `export class Handler {
  async call(request) {
    const { gate } = request.metadata;
    if (gate !== undefined) ${untilThere('gate', 'request.signal.aborted')}
    return '';
  }
}`;
await deploySource(owner, daemon, 'slow', source, { concurrency: 16 });

const running = async (): Promise<number> => (await daemon.control.describe('slow')).running;

/** Begins a call that goes on until its gate is open, and resolves when its Handler runs. */
async function hold<Result>(gate: Gate, begin: (headers: Readonly<Record<string, string>>) => Result): Promise<{ held: Result }> {
  await eventually('what was before has ended', async () => (await running()) === 0);
  const held = begin({ gate: gate.path });
  await eventually('it runs', async () => (await running()) === 1);
  return { held };
}

const many = (count: number, length: number): [string, string][] =>
  Array.from({ length: count }, (_, at) => [`k${at}`, 'x'.repeat(length)]);

const shapes: Readonly<Record<string, [string, string][]>> = {
  'one of 40 KiB': many(1, 40 << 10),
  'one of 70 kB': many(1, 70_000),
  'one of 1 MiB': many(1, 1 << 20),
  'ten of 7 kB': many(10, 7_000),
  'sixty of 7 kB': many(60, 7_000),
  'a thousand of 70 bytes': many(1_000, 70),
  'five thousand of none': many(5_000, 0),
};

for (const [what, headers] of Object.entries(shapes)) {
  test(`metadata over the limits, ${what}: no call waits without an end, neither that one nor those beside it`, async (t) => {
    const { call, fate, isOpen, allRead } = await rawHttp2(t, daemon.url);
    const gate = await shutGate(t);
    await hold(gate, (held) => call(1, 'slow', Object.entries(held)));
    call(3, 'slow', headers);
    await allRead();
    await gate.open();
    await eventually('each is answered, or the connection is gone', () => !isOpen() || (fate(1) !== undefined && fate(3) !== undefined));
    if (!isOpen()) return;
    assert.equal(fate(1), 'ended');
    call(5, 'slow');
    await eventually('the connection goes on', () => fate(5) === 'ended');
  });
}

test('a header block that nobody can read ends the connection, with the calls beside it', async (t) => {
  const { call, block, closed } = await rawHttp2(t, daemon.url);
  await hold(await shutGate(t), (held) => call(1, 'slow', Object.entries(held)));
  block(3, Buffer.alloc(200, 0xff));
  await closed;
});

test('the limit is told to clients, and what is below it comes through', async (t) => {
  const { call, settings, fate } = await rawHttp2(t, daemon.url);
  call(1, 'slow', many(300, 50));
  await eventually('it is answered', () => fate(1) === 'ended');
  assert.equal(settings.get(6), 64 << 10);
});

test('grpc-js: the call that is too large fails, those beside it are answered or fail, and the next one is served', async (t) => {
  const { call } = rawClient(t, daemon.url);
  const invoke = (headers = {}): Promise<RawResult> =>
    call('/dcf.v1.Functions/Invoke', invokeRequest({ function: 'slow', input: Buffer.alloc(0) }), { headers, timeoutMs: 30_000 });
  // Characters that Huffman's code does not shorten.
  for (const headers of [{ k: '{'.repeat(70_000) }, Object.fromEntries(many(30, 10_000)), { k: 'x'.repeat(40_000) }]) {
    const gate = await shutGate(t);
    const { held } = await hold(gate, invoke);
    const large = await invoke(headers);
    await gate.open();
    const beside = await held;
    assert.ok(['INVALID_ARGUMENT', 'INTERNAL', 'RESOURCE_EXHAUSTED', 'UNAVAILABLE'].includes(large.code), `${large.code} ${large.details}`);
    assert.notEqual(beside.code, 'DEADLINE_EXCEEDED', beside.details);
    assert.equal((await invoke()).code, 'OK');
  }
});

const skip = withoutPython('grpc');
test('grpcio: the same', { skip }, async (t) => {
  const program = `${tellingPrelude}
import grpc
channel = grpc.insecure_channel(url)
invoke = channel.unary_unary("/dcf.v1.Functions/Invoke")
request = bytes([0x0a, 4]) + b"slow"
codes = []
for at, metadata in enumerate(([("k", "{" * 70000)], [(f"k{n}", "x" * 10000) for n in range(30)])):
    gate = sys.argv[2] + str(at)
    beside = invoke.future(request, timeout=30, metadata=[("gate", gate)])
    large = str(invoke.future(request, timeout=30, metadata=metadata).code())
    open(gate, "x").close()
    codes.append([large, beside.code() != grpc.StatusCode.DEADLINE_EXCEEDED, str(invoke.with_call(request, timeout=30)[1].code())])
tell(codes)
`;
  const gates = join(await temporaryDirectory(t), 'open-');
  for (const [large, besideEnded, next] of Object(await runPython(program, { args: [daemon.url, gates] }))) {
    assert.ok(large !== 'StatusCode.OK' && large !== 'StatusCode.DEADLINE_EXCEEDED', large);
    assert.equal(besideEnded, true);
    assert.equal(next, 'StatusCode.OK');
  }
});

test('nothing of all that was a mistake of the daemon', async () => {
  await daemon.stop();
  assertNoMistakes(daemon.log());
});
