import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type StreamInput } from '@dcf/sdk';
import { DcfError } from '@dcf/sdk/errors';
import type { Benchmark } from '../benchmark.js';
import { deployFolder } from '../harness/calls.js';
import { repositoryPath } from '../harness/paths.js';
import { readUsage } from '../harness/proc.js';
import { repeat } from '../harness/rounds.js';
import type { Scope } from '../harness/scope.js';
import { type Server, startDaemon } from '../harness/servers.js';

const mebibyte = 2 ** 20;
const smallChunks = 100_000;
const chunkLength = 64 * 1024;
const slowTotal = 1024 * mebibyte;
/** The slow reader rests for a millisecond, and what the timer adds to it, after so many chunks. */
const restAfter = 16;
const memoryEveryMs = 20;

function* chunks(total: number, length: number): Generator<Uint8Array> {
  for (let made = 0; made < total; made += length) yield new Uint8Array(length).fill(made / length);
}

/** Streams through `bench/functions/pipe`, which gives each chunk back. Throws a DcfError INTERNAL when other bytes come back. */
async function pipe(client: Client, total: number, length: number, onChunk: (count: number) => Promise<void> | undefined): Promise<void> {
  let count = 0;
  for await (const chunk of client.stream('pipe', chunks(total, length))) {
    if (chunk.length !== length || chunk[0] !== count % 256 || chunk.at(-1) !== count % 256)
      throw new DcfError('INTERNAL', `chunk ${count} came back as another`);
    count += 1;
    await onChunk(count);
  }
  if (count * length !== total) throw new DcfError('INTERNAL', `${count} chunks of ${length} bytes came back, not ${total} bytes`);
}

const atOnce = (): undefined => undefined;

async function smallPerSecond(client: Client): Promise<number> {
  const begun = performance.now();
  await pipe(client, smallChunks * 32, 32, atOnce);
  return smallChunks / ((performance.now() - begun) / 1000);
}

/** Milliseconds from the call to its first chunk; its input is there at once. */
async function firstChunkMs(client: Client, input: StreamInput): Promise<number> {
  const begun = performance.now();
  for await (const _ of client.stream('pipe', input)) return performance.now() - begun;
  throw new DcfError('INTERNAL', 'no chunk came back');
}

/** What the memory of a daemon that was just started grows by, in MiB, while a slow reader takes 1 GiB. */
async function memoryGrowth(scope: Scope): Promise<number> {
  const { daemon, client } = await startPipe(scope);
  const { residentBytes: before } = await readUsage(daemon.pid);
  const slowly = (count: number): Promise<void> | undefined =>
    count % restAfter === 0 ? sleep(1, undefined, { signal: scope.signal }) : undefined;
  const peak = await peakMemory(daemon.pid, () => pipe(client, slowTotal, chunkLength, slowly));
  return Math.max(0, peak - before) / mebibyte;
}

async function startPipe(scope: Scope): Promise<{ daemon: Server; client: Client }> {
  const daemon = await startDaemon(scope);
  await deployFolder(scope, daemon, repositoryPath('bench/functions/pipe'));
  const client = new Client(daemon.url);
  scope.defer(async () => client.close());
  return { daemon, client };
}

async function peakMemory(pid: number, task: () => Promise<void>): Promise<number> {
  let peak = 0;
  const look = async (): Promise<void> => {
    peak = Math.max(peak, (await readUsage(pid)).residentBytes);
  };
  const timer = setInterval(() => void look(), memoryEveryMs);
  try {
    await task();
    await look();
  } finally {
    clearInterval(timer);
  }
  return peak;
}

/** Chunks through one stream, in and back out. */
export const stream: Benchmark = {
  name: 'stream',
  title: 'one stream in and back out: chunks a second, time to the first chunk, memory under a slow reader',
  run: async (scope) => {
    const growth = await memoryGrowth(scope);
    const { client } = await startPipe(scope);
    const small = await repeat(() => smallPerSecond(client));
    const first = await repeat(() => firstChunkMs(client, ['x']));
    return [
      { kind: 'measured', what: 'chunks of 32 bytes', unit: 'a second', values: small, limit: { kind: 'at least', value: 20_000 } },
      { kind: 'measured', what: 'time to the first chunk', unit: 'milliseconds', values: first, limit: { kind: 'under', value: 5 } },
      {
        kind: 'measured',
        what: 'growth of a daemon just started, under a slow reader of 1 GiB in chunks of 64 KiB',
        unit: 'MiB',
        values: [growth],
        limit: { kind: 'under', value: 32 },
      },
    ];
  },
};
