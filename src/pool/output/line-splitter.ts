import { StringDecoder } from 'node:string_decoder';
import { type LinePart, OpenLine } from './open-line.js';

/** An unfinished line is shown when no more of it has come for this long. */
const quietMs = 100;
/** A program that buffers its output writes whole blocks, which end in the middle of a line: the rest may take longer. */
const blockBytes = 4096;
const quietAfterBlockMs = 2_000;

/** Cuts a stream of UTF-8 bytes into lines of bounded length. */
export class LineSplitter {
  private readonly decoder = new StringDecoder('utf8');
  private readonly line: OpenLine;

  constructor(onLine: (line: string, part: LinePart) => void) {
    this.line = new OpenLine(onLine);
  }

  push(chunk: Buffer): void {
    const lines = this.decoder.write(chunk).split('\n');
    const rest = lines.pop() ?? '';
    for (const line of lines) this.line.end(line);
    if (rest !== '') this.line.add(rest, chunk.length % blockBytes === 0 ? quietAfterBlockMs : quietMs);
  }

  /** To be called when the stream has ended: the rest is a line. */
  end(): void {
    const rest = this.decoder.end();
    if (rest !== '') this.line.add(rest, quietMs);
    this.line.close();
  }
}
