import { formatDuration } from '@dcf/sdk/units';
import { MultiBar, type SingleBar } from 'cli-progress';
import { errorColours, note, plain } from './output.js';

/** Shows the steps of work that takes a while. At most one step runs at a time. */
export interface StepView {
  begin(name: string): void;
  /** Shows how far the step is: 0 to 1. */
  progress(fraction: number, detail: string): void;
  end(detail: string): void;
  /** Shows a line of the step's output. */
  line(text: string): void;
  warn(text: string): void;
  /** Ends the view. A step that still runs is shown as failed. */
  close(): void;
}

const nameWidth = 8;
/** ECMA-48 EL: from the cursor to the end of the line. */
const clearLine = '\u001b[0K';

/** Makes a view with bars on a terminal, and with plain lines elsewhere. Both go to stderr, as stdout is for results. */
export function stepView(): StepView {
  return process.stderr.isTTY === true ? new BarView() : new LineView(note);
}

/** Writes one line for each step, when the step is done. */
export class LineView implements StepView {
  readonly #write: (line: string) => void;
  #step: { name: string; begun: number } | undefined;

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  begin(name: string): void {
    this.#step = { name, begun: performance.now() };
  }

  progress(): void {}

  end(detail: string): void {
    if (this.#step === undefined) return;
    const { name, begun } = this.#step;
    this.#write(`${name.padEnd(nameWidth)}  ${endText(detail, performance.now() - begun)}`);
    this.#step = undefined;
  }

  line(text: string): void {
    this.#write(`  | ${plain(text)}`);
  }

  warn(text: string): void {
    this.#write(`warning: ${plain(text)}`);
  }

  close(): void {
    if (this.#step !== undefined) this.#write(`${this.#step.name.padEnd(nameWidth)}  failed`);
    this.#step = undefined;
  }
}

class BarView implements StepView {
  // With these settings the terminal's state is not changed, so nothing has to be restored when a signal ends the process.
  readonly #bars = new MultiBar({
    format: `{name} [{bar}] {detail}`,
    stream: process.stderr,
    barsize: 24,
    barCompleteChar: '=',
    barIncompleteChar: ' ',
    hideCursor: false,
    gracefulExit: false,
    linewrap: true,
    forceRedraw: true,
    emptyOnZero: true,
  });
  #step: { bar: SingleBar; begun: number } | undefined;
  #closed = false;

  begin(name: string): void {
    this.#step = { bar: this.#bars.create(1, 0, { name: name.padEnd(nameWidth), detail: '…' }), begun: performance.now() };
  }

  progress(fraction: number, detail: string): void {
    this.#step?.bar.update(fraction, { detail });
  }

  end(detail: string): void {
    if (this.#step === undefined) return;
    const { bar, begun } = this.#step;
    bar.update(1, { detail: endText(detail, performance.now() - begun) });
    this.#step = undefined;
  }

  line(text: string): void {
    this.#log(errorColours.dim(`  | ${plain(text)}`));
  }

  warn(text: string): void {
    this.#log(errorColours.yellow(`warning: ${plain(text)}`));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#step?.bar.update({ detail: errorColours.red('failed') });
    // Without this, stopping would drop lines that are not shown yet.
    this.#bars.update();
    this.#bars.stop();
  }

  /** Writes a line above the bars, and clears the rest of a bar in that line. */
  #log(line: string): void {
    this.#bars.log(`${line}${clearLine}\n`);
  }
}

function endText(detail: string, milliseconds: number): string {
  const took = formatDuration(milliseconds);
  return detail === '' ? took : `${plain(detail)} (${took})`;
}
