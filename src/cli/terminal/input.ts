import { createReadStream, fstatSync, type ReadStream } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { reasonOf } from '../../core/errors.js';
import { CommandError, usageError } from './errors.js';
import { note } from './output.js';

/** The options for the input of a call. */
export interface InputOptions {
  input?: string;
  data?: string;
}

/** The input of a streamed call: the whole input as text, or chunks as they come; `undefined` for an empty input. */
export type StreamedInput = string | AsyncIterable<Uint8Array> | undefined;

/** The standard input, and how long it may be silent. */
export interface Stdin {
  readonly stream: AsyncIterable<Uint8Array> & { readonly isTTY?: boolean; destroy(error?: Error): unknown };
  /** How long it may be silent before the user is told that the command waits for it, in milliseconds. */
  readonly hintAfterMs: number;
  /** How long it may be silent without `--input -`, in milliseconds: a program may leave a pipe open that is not meant as an input. */
  readonly silenceMs: number;
}

const standard: Stdin = {
  get stream() {
    return process.stdin;
  },
  hintAfterMs: 2_000,
  silenceMs: 60_000,
};

/**
 * Reads the input of `--input FILE`, `--input -` (stdin) or `--data TEXT`. Without these options, what is piped to stdin is the input; it is
 * empty for a terminal, a closed stdin and /dev/null.
 *
 * @throws CommandError (2) for an input that cannot be read; without `--input -` also for a pipe that stays silent for a minute
 */
export async function readInput(options: InputOptions, stdin = standard): Promise<Uint8Array> {
  const source = sourceOf(options, stdin);
  switch (source.kind) {
    case 'none':
      return new Uint8Array();
    case 'text':
      return Buffer.from(source.text);
    case 'file':
      return await readFile(source.path).catch((error: unknown) => {
        throw unreadable(source.path, error);
      });
    case 'stdin':
      return await buffer(stdinChunks(stdin, source.asked ? undefined : stdin.silenceMs));
  }
}

/**
 * Reads a short input, such as a secret, and nothing beyond its limit.
 *
 * @param path - the file, or `-` for stdin
 * @param limit - bytes
 * @returns `undefined` for an input over the limit
 * @throws CommandError (2) for an input that cannot be read
 */
export async function readShortInput(path: string, limit: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of path === '-' ? stdinChunks(standard, undefined) : await fileChunks(path)) {
      length += chunk.length;
      if (length > limit) return undefined;
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof CommandError ? error : unreadable(path, error);
  }
  return Buffer.concat(chunks);
}

/** Opens the input as chunks. There is no limit for silence here, as the call has one. */
export async function openInput(options: InputOptions, stdin = standard): Promise<StreamedInput> {
  const source = sourceOf(options, stdin);
  switch (source.kind) {
    case 'none':
      return undefined;
    case 'text':
      return source.text;
    case 'file':
      return await fileChunks(source.path);
    case 'stdin':
      return stdinChunks(stdin, undefined);
  }
}

/** Stops reading an input: while stdin is being read, it keeps the process alive. */
export function closeInput(input: StreamedInput): void {
  if (typeof input === 'object') process.stdin.destroy();
}

type Source = { kind: 'none' } | { kind: 'text'; text: string } | { kind: 'file'; path: string } | { kind: 'stdin'; asked: boolean };

function sourceOf({ input, data }: InputOptions, { stream }: Stdin): Source {
  if (input !== undefined && data !== undefined) throw usageError('give --input or --data, not both');
  if (data !== undefined) return { kind: 'text', text: data };
  if (input === '-') return { kind: 'stdin', asked: true };
  if (input !== undefined) return { kind: 'file', path: input };
  return stream.isTTY === true ? { kind: 'none' } : { kind: 'stdin', asked: false };
}

/** @param limitMs - how long stdin may be silent before its first byte, in milliseconds; `undefined` for no limit */
async function* stdinChunks({ stream, hintAfterMs }: Stdin, limitMs: number | undefined): AsyncGenerator<Uint8Array, void, undefined> {
  // Node treats a folder as a stream that has ended.
  if (stream === process.stdin && fstatSync(0).isDirectory()) throw usageError('stdin cannot be read: it is a folder');
  const timers = [setTimeout(() => note(hint), hintAfterMs).unref()];
  if (limitMs !== undefined) timers.push(setTimeout(() => stream.destroy(silent(limitMs)), limitMs));
  const stopTimers = (): void => {
    for (const timer of timers) clearTimeout(timer);
  };
  try {
    for await (const chunk of stream) {
      stopTimers();
      yield chunk;
    }
  } catch (error) {
    throw error instanceof CommandError ? error : usageError(`stdin cannot be read: ${reasonOf(error)}`);
  } finally {
    stopTimers();
  }
}

const hint = 'dcf: waiting for the input on stdin (for an empty input: < /dev/null)';

function silent(limitMs: number): CommandError {
  const advice = 'give --input - to wait for it without a limit, or < /dev/null for an empty input';
  return usageError(`stdin is open, but nothing has come from it in ${limitMs / 1000} s: ${advice}`);
}

/** Opens a file as chunks. A folder is refused here: it can be opened, but would fail at the first read, in the middle of the call. */
async function fileChunks(path: string): Promise<ReadStream> {
  try {
    const file = await open(path);
    if (!(await file.stat()).isDirectory()) return createReadStream(path, { fd: file });
    await file.close();
  } catch (error) {
    throw unreadable(path, error);
  }
  throw unreadable(path, new Error('it is a folder'));
}

function unreadable(path: string, error: unknown): CommandError {
  return usageError(`--input ${path} cannot be read: ${reasonOf(error)}`);
}
