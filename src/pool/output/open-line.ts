/** How a piece of a line that is shown belongs to the pieces before and after it. */
export interface LinePart {
  /** Whether it continues the piece before; otherwise it begins the line, or replaces what was shown of it. */
  continued: boolean;
  /** Whether the line has not ended. */
  open: boolean;
}

/** A line that goes on without an end, such as a progress bar, is shown at most once in this time. */
const showEveryMs = 1_000;
/** Characters of a line. A longer one is cut into several: a program that prints without end must not fill the daemon's memory. */
const maxLineLength = 16 * 1024;

/**
 * A line that has not ended. It is shown when no more of it comes for a while, each part of it once. The text after a carriage
 * return overwrites the line from its beginning, so only the last state is shown.
 */
export class OpenLine {
  /** The text that was not shown yet. */
  private text = '';
  /** When the first character of `text` came, in Unix milliseconds. */
  private begunAt = 0;
  /** Whether the next character overwrites the line. */
  private returned = false;
  /** Whether `text` replaces what was shown, and does not continue it. */
  private overwrites = false;
  private shown: string | undefined;
  private shownAt = Number.NEGATIVE_INFINITY;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly show: (text: string, part: LinePart) => void) {}

  /**
   * Takes more of the line.
   *
   * @param quietMs - show it when no more has come for this many milliseconds
   */
  add(text: string, quietMs: number): void {
    const now = Date.now();
    if (this.text === '') this.begunAt = now;
    this.take(text);
    while (this.text.length > maxLineLength) this.showText(this.cut(), true);
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.text === '') return;
    const soonest = this.shownAt + showEveryMs - now;
    const delay = Math.max(Math.min(quietMs, this.begunAt + Math.max(quietMs, showEveryMs) - now), soonest);
    if (delay <= 0) this.showState(true);
    else this.timer = setTimeout(() => this.showState(true), delay).unref();
  }

  /** Takes the rest of the line, and shows what was not shown. What comes next begins another line. */
  end(text: string): void {
    this.take(text);
    while (this.text.length > maxLineLength) this.showText(this.cut(), true);
    // An empty line is shown, too; but nothing is shown where all of the line was shown before.
    if (this.text !== '' || this.shown === undefined) this.showState(false);
    this.forget();
  }

  /** To be called when no more text comes: shows what was not shown. */
  close(): void {
    if (this.text !== '') this.end('');
    else this.forget();
  }

  private take(text: string): void {
    const [first = '', ...later] = text.split('\r');
    if (first !== '') this.put(first);
    for (const segment of later) {
      this.returned = true;
      if (segment !== '') this.put(segment);
    }
  }

  private put(segment: string): void {
    // A line break after a carriage return overwrites nothing; a logged message may have several lines.
    if (!this.returned || segment.startsWith('\n')) {
      this.returned = false;
      this.text += segment;
      return;
    }
    // Blanks only erase the line: the state before them is the better one to show.
    if (segment.trim() === '') return;
    const lineAt = this.text.lastIndexOf('\n') + 1;
    this.text = this.text.slice(0, lineAt) + segment;
    this.overwrites ||= lineAt === 0;
    this.returned = false;
  }

  private cut(): string {
    const piece = this.text.slice(0, maxLineLength);
    this.text = this.text.slice(maxLineLength);
    return piece;
  }

  private showState(open: boolean): void {
    const { text } = this;
    this.text = '';
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.overwrites && text === this.shown) return;
    this.showText(text, open);
  }

  private showText(text: string, open: boolean): void {
    const continued = this.shown !== undefined && !this.overwrites;
    this.shown = text;
    this.shownAt = Date.now();
    this.overwrites = false;
    this.show(text, { continued, open });
  }

  private forget(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.text = '';
    this.returned = false;
    this.overwrites = false;
    this.shown = undefined;
    this.shownAt = Number.NEGATIVE_INFINITY;
  }
}
