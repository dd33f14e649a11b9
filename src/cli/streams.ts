import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { type Readable, Stream } from 'node:stream';
import { messageOf } from '@dcf/sdk/errors';
import type { InputOptions } from './arguments.js';
import { CommandError, usageError } from './errors.js';
import { print } from './output.js';

/** The input of a streamed call. */
export type StreamedInput = Readable | string | undefined;

/** `--input FILE` and `--input -` in chunks as they come; `--data TEXT` at once; none of them is no input. */
export async function openInput({ input, data }: InputOptions): Promise<StreamedInput> {
  if (input !== undefined && data !== undefined) throw usageError('give --input or --data, not both');
  if (input === undefined) return data;
  if (input === '-') return process.stdin;
  try {
    const handle = await open(input);
    return createReadStream(input, { fd: handle });
  } catch (error) {
    throw usageError(`--input ${input} cannot be read: ${messageOf(error)}`);
  }
}

/** Leaves an input where it is: stdin would keep the process alive for as long as it is open. */
export function closeInput(input: StreamedInput): void {
  if (input instanceof Stream) input.destroy();
}

/** Takes the chunks of an output. */
export interface Sink {
  write(chunk: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Where the output of a call goes: to a file, or to stdout. Only a terminal gets a line break after it. */
export async function openSink(file: string | undefined): Promise<Sink> {
  return file === undefined ? new StandardOutput() : new FileSink(file, await opened(file));
}

class StandardOutput implements Sink {
  private last: number | undefined;

  async write(chunk: Uint8Array): Promise<void> {
    await print(chunk);
    this.last = chunk.at(-1) ?? this.last;
  }

  async close(): Promise<void> {
    if (process.stdout.isTTY === true && this.last !== undefined && this.last !== 0x0a) await print('\n');
  }
}

class FileSink implements Sink {
  constructor(
    private readonly file: string,
    private readonly handle: FileHandle,
  ) {}

  async write(chunk: Uint8Array): Promise<void> {
    await this.handle.writeFile(chunk).catch((error: unknown) => {
      throw notWritten(this.file, error);
    });
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

async function opened(file: string): Promise<FileHandle> {
  try {
    return await open(file, 'w');
  } catch (error) {
    throw notWritten(file, error);
  }
}

/** What is said of an `--output` that cannot be written. */
export function notWritten(file: string, error: unknown): CommandError {
  return new CommandError(1, `--output ${file} cannot be written: ${messageOf(error)}`);
}
