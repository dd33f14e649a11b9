import { constants } from 'node:fs';
import { access, type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode, reasonOf } from '../../core/errors.js';
import { CommandError } from './errors.js';
import { print } from './output.js';

/** Writes the chunks of an output. */
export interface Sink {
  write(chunk: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/**
 * Writes the whole output of a call, unchanged, as `openSink` does with chunks of it.
 *
 * @param file - @default stdout
 */
export async function writeOutput(output: Uint8Array, file?: string): Promise<void> {
  const sink = await openSink(file);
  try {
    await sink.write(output);
  } finally {
    await sink.close();
  }
}

/**
 * Opens the place for the output of a call: a file, or stdout. On a terminal a line break is added at the end, so that the prompt is on a line
 * of its own.
 */
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
    await this.handle.close().catch((error: unknown) => {
      throw notWritten(this.file, error);
    });
  }
}

/**
 * Checks before a call whether its output can be written to a file, without changing the file.
 *
 * @throws CommandError (1) for a folder, a file that may not be written, and a folder that does not exist
 */
export async function checkOutput(file: string): Promise<void> {
  try {
    const handle = await open(file, 'r+');
    await handle.close();
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw notWritten(file, error);
    await access(dirname(file), constants.W_OK).catch((problem: unknown) => {
      throw notWritten(file, problem);
    });
  }
}

async function opened(file: string): Promise<FileHandle> {
  try {
    return await open(file, 'w');
  } catch (error) {
    throw notWritten(file, error);
  }
}

/** The error for an `--output` that cannot be written. */
function notWritten(file: string, error: unknown): CommandError {
  return new CommandError(1, `--output ${file} cannot be written: ${reasonOf(error)}`);
}
