import type { StreamResult } from '@dcf/sdk';
import { DcfError } from '@dcf/sdk/errors';
import type { Owner } from './cleanup.js';
import type { TestDaemon } from './daemon.js';
import { type DeploySettings, deploySource } from './functions.js';

/** A function that streams as the metadata `do` of its call says; it echoes otherwise. */
export const streamingSource = `
import { DcfError, type Request } from '@dcf/sdk';

const aborted = (signal: AbortSignal) => new Promise<void>((resolve) => {
  if (signal.aborted) resolve();
  else signal.addEventListener('abort', () => resolve());
});
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export class Handler {
  call(request: Request): any {
    const [what = '', first = '0', second = '0'] = (request.metadata['do'] ?? 'echo').split(' ');
    const [a, b] = [Number(first), Number(second)];
    switch (what) {
      case 'count': return count(a, b);
      case 'slowly': return slowly(a, b);
      case 'input': return request.text();
      case 'total': return total(request.chunks, a);
      case 'lengths': return lengths(request.chunks);
      case 'early': return early(request.chunks);
      case 'never': return aborted(request.signal).then(() => 'never read');
      case 'unread': return 'nothing read';
      case 'throw': throw new DcfError('ALREADY_EXISTS', 'thrown before chunks');
      case 'after': return failing(a, b);
      case 'die': return dying(a, request.chunks);
      case 'hang': return hanging(request.signal);
      case 'deaf': return deaf();
      case 'wrong': return (function* () { yield 'fine'; yield { not: 'a chunk' }; })();
      default: return request.chunks;
    }
  }
}

function* count(chunks: number, size: number) { for (let i = 0; i < chunks; i++) yield Buffer.from(String(i).padStart(size, '.')); }
async function* slowly(chunks: number, ms: number) { for (let i = 0; i < chunks; i++) { await sleep(ms); yield String(i); } }
async function* total(chunks: AsyncIterable<Uint8Array>, ms: number) {
  let bytes = 0;
  for await (const chunk of chunks) { bytes += chunk.length; if (ms > 0) await sleep(ms); }
  yield String(bytes);
}
async function* lengths(chunks: AsyncIterable<Uint8Array>) { for await (const chunk of chunks) yield chunk.length + ';'; }
async function* early(chunks: AsyncIterable<Uint8Array>) { for await (const chunk of chunks) { yield chunk; return; } }
async function* failing(chunks: number, size: number) { for (let i = 0; i < chunks; i++) yield ('chunk ' + i).padEnd(size); throw new DcfError('ALREADY_EXISTS', 'thrown after chunks'); }
async function* dying(count: number, input: AsyncIterable<Uint8Array>) { for (let i = 0; i < count; i++) yield 'chunk ' + i; for await (const _ of input) process.exit(7); }
async function* hanging(signal: AbortSignal) {
  try { console.log('hangs'); yield 'first'; await aborted(signal); console.log('was aborted'); yield 'late'; }
  finally { console.log('was returned'); }
}
async function* deaf() { yield 'first'; console.log('is deaf'); await new Promise(() => undefined); }
`;

/** A function that says `begun`, reads its input and logs `whole` when that has ended, or the code of what ended it otherwise. */
export const storingSource = `export class Handler {
  async *call(request: any) {
    yield 'begun';
    try { for await (const _ of request.chunks); console.log('whole'); }
    catch (error: any) { console.log(error.code); }
  }
}`;

/** What a call of `storingSource` made of its input; the function logs nothing else. */
export async function stored(daemon: TestDaemon, name: string): Promise<string> {
  for await (const { text } of daemon.control.logs({ name, follow: true })) return text;
  return '';
}

/** Deploys `streamingSource`; sixteen calls go on at the same time unless the manifest says otherwise. */
export async function deployStreaming(owner: Owner, daemon: TestDaemon, name = 'streaming', settings: DeploySettings = {}): Promise<void> {
  await deploySource(owner, daemon, name, streamingSource, { concurrency: 16, ...settings });
}

/** What came of a stream. */
export interface Streamed {
  chunks: Buffer[];
  texts: string[];
  /** Why it failed after them. */
  error: DcfError | undefined;
}

/** Reads a stream to its end. Never rejects. `onChunk` is told of each chunk. */
export async function readAll(result: StreamResult, onChunk: () => void = () => undefined): Promise<Streamed> {
  const chunks: Buffer[] = [];
  const streamed = (error?: DcfError): Streamed => ({ chunks, texts: chunks.map(String), error });
  try {
    for await (const chunk of result) {
      chunks.push(Buffer.from(chunk));
      onChunk();
    }
    return streamed();
  } catch (error) {
    return streamed(DcfError.from(error));
  }
}

/** The chunks `0 …`, `1 …`, each so many bytes long. */
export function* numbered(count: number, size: number): Generator<Buffer> {
  for (let index = 0; index < count; index++) yield Buffer.from(String(index).padStart(size, '.'));
}
