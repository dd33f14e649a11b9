/** Where a piece of a line stands that is shown before the line has ended. */
export interface LinePart {
  /** It goes on what was shown before. */
  continued: boolean;
  /** The line has not ended. */
  open: boolean;
}

/** A line that does not end, such as a progress bar, is shown at once, and then so often. */
const showEveryMs = 1_000;
/** A line that is longer is cut into several: a program that prints without end must not fill the daemon's memory. */
const maxLineLength = 16 * 1024;

/**
 * A line of which more is to come: it is shown as it stands when it stands still, each part of it once. What a carriage return sends
 * back to the line's beginning is overwritten: the last state counts.
 */
export class OpenLine {
  /** What has come and is not shown. */
  private text = '';
  /** When the first of it came. */
  private begunAt = 0;
  /** The next character overwrites the line. */
  private returned = false;
  /** `text` stands in the place of what was shown. */
  private overwrites = false;
  private shown: string | undefined;
  private shownAt = Number.NEGATIVE_INFINITY;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly show: (text: string, part: LinePart) => void) {}

  /**
   * Takes more of the line.
   *
   * @param quietMs - show it when nothing more has come for so long
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

  /** Takes the rest of the line, and shows what was not shown. The next line may begin. */
  end(text: string): void {
    this.take(text);
    while (this.text.length > maxLineLength) this.showText(this.cut(), true);
    // An empty line is one, too; of one that was shown, nothing may be left.
    if (this.text !== '' || this.shown === undefined) this.showState(false);
    this.forget();
  }

  /** Nothing more comes. */
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
    // A line break after it goes on; a logged message may have several lines.
    if (!this.returned || segment.startsWith('\n')) {
      this.returned = false;
      this.text += segment;
      return;
    }
    // Blanks erase what stands there: the state before is the better one to show.
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
