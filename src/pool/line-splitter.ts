import { StringDecoder } from 'node:string_decoder';

/** A line that is longer is cut into several: a program that prints without end must not fill the daemon's memory. */
const maxLineLength = 16 * 1024;

/** Cuts a stream of UTF-8 bytes into lines of bounded length. */
export class LineSplitter {
  private readonly decoder = new StringDecoder('utf8');
  private rest = '';

  constructor(private readonly onLine: (line: string) => void) {}

  push(chunk: Buffer): void {
    const lines = (this.rest + this.decoder.write(chunk)).split(/\r?\n/);
    this.rest = lines.pop() ?? '';
    for (const line of lines) this.emit(line);
    while (this.rest.length > maxLineLength) {
      this.emit(this.rest.slice(0, maxLineLength));
      this.rest = this.rest.slice(maxLineLength);
    }
  }

  /** The stream is over: what is left is a line. */
  end(): void {
    const rest = this.rest + this.decoder.end();
    this.rest = '';
    if (rest !== '') this.emit(rest);
  }

  private emit(line: string): void {
    for (let at = 0; at === 0 || at < line.length; at += maxLineLength) this.onLine(line.slice(at, at + maxLineLength));
  }
}
