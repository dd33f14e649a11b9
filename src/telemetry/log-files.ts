import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../core/errors.js';

/** A file that is open for reading. */
export interface OpenLogFile {
  readonly file: FileHandle;
  /** Number of bytes to read; more may be appended meanwhile. */
  readonly size: number;
}

export interface RotationOptions {
  /** The most bytes of a file: one that would become longer is rotated. */
  maxFileBytes: number;
  /** The most files, the current one included; the oldest is removed first. */
  maxFiles: number;
}

const currentName = 'current.jsonl';

/**
 * The files of one function's log: `current.jsonl`, and older ones with rising numbers. They are not synced to the disk: a crash of the
 * host may lose the last lines, a crash of the daemon does not. Only one method may run at a time.
 */
export class LogFiles {
  /** Bytes of current.jsonl; `undefined` before it was read, and after an error. */
  private size: number | undefined;
  private lastNumber = 0;
  /** Whether the last line has no line break: the daemon or the disk failed while it was written. */
  private torn = false;

  constructor(
    private readonly folder: string,
    private readonly options: RotationOptions,
  ) {}

  /** Appends whole lines. Throws the file system's error; a part of the lines may have been written then. */
  async append(lines: string): Promise<void> {
    try {
      if (this.size === undefined) await this.look();
      const bytes = Buffer.from(this.torn ? `\n${lines}` : lines);
      if (this.size !== undefined && this.size > 0 && this.size + bytes.length > this.options.maxFileBytes) await this.rotate();
      const file = await open(this.current, 'a', 0o600);
      try {
        await file.writeFile(bytes);
      } finally {
        await file.close();
      }
      this.size = (this.size ?? 0) + bytes.length;
      this.torn = false;
    } catch (error) {
      this.size = undefined;
      throw error;
    }
  }

  /** Opens every file for reading, oldest first. They can be read even after a rotation has removed them. */
  async openAll(): Promise<OpenLogFile[]> {
    const opened: OpenLogFile[] = [];
    try {
      for (const name of [...(await this.numbers()).map(nameOf), currentName]) {
        const file = await openIfThere(join(this.folder, name));
        if (file !== undefined) opened.push({ file, size: (await file.stat()).size });
      }
      return opened;
    } catch (error) {
      await Promise.all(opened.map(({ file }) => file.close()));
      throw error;
    }
  }

  async delete(): Promise<void> {
    this.size = undefined;
    await rm(this.folder, { recursive: true, force: true });
  }

  private get current(): string {
    return join(this.folder, currentName);
  }

  /** Reads the size of the current file, and whether its last line is complete. */
  private async look(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    this.lastNumber = (await this.numbers()).at(-1) ?? 0;
    const file = await openIfThere(this.current);
    if (file === undefined) {
      this.size = 0;
      this.torn = false;
      return;
    }
    try {
      this.size = (await file.stat()).size;
      const last = Buffer.alloc(1);
      await file.read(last, 0, 1, Math.max(0, this.size - 1));
      this.torn = this.size > 0 && last.toString() !== '\n';
    } finally {
      await file.close();
    }
  }

  private async rotate(): Promise<void> {
    await rename(this.current, join(this.folder, nameOf(this.lastNumber + 1)));
    this.lastNumber += 1;
    this.size = 0;
    const numbers = await this.numbers();
    const tooMany = numbers.slice(0, Math.max(0, numbers.length - (this.options.maxFiles - 1)));
    for (const number of tooMany) await rm(join(this.folder, nameOf(number)), { force: true });
  }

  /** Numbers of the old files, rising. */
  private async numbers(): Promise<number[]> {
    try {
      const names = await readdir(this.folder);
      return names.flatMap((name) => (/^\d+\.jsonl$/.test(name) ? [Number.parseInt(name, 10)] : [])).sort((a, b) => a - b);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return [];
      throw error;
    }
  }
}

function nameOf(number: number): string {
  return `${String(number).padStart(8, '0')}.jsonl`;
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
