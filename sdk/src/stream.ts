import type { CallReport } from './contract/report.js';
import { DcfError } from './errors.js';
import type { StreamProgress } from './transport/calls/stream-chunks.js';

/** The chunks of a streamed call's output, for one reader. The call begins when the first chunk is asked for. */
export class StreamResult implements AsyncIterable<Uint8Array> {
  #report: CallReport | undefined;
  #begun = false;
  readonly #open: (progress: StreamProgress) => AsyncGenerator<Uint8Array, void, undefined>;

  /** @param open - begins the call, and writes down what becomes known of it */
  constructor(open: (progress: StreamProgress) => AsyncGenerator<Uint8Array, void, undefined>) {
    this.#open = open;
  }

  /** How the call went; `undefined` until it has ended. */
  get report(): CallReport | undefined {
    return this.#report;
  }

  /** Leaving the loop early cancels the call. Throws a DcfError FAILED_PRECONDITION the second time. */
  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#begun) throw new DcfError('FAILED_PRECONDITION', 'the chunks of a stream can be read once');
    this.#begun = true;
    return this.#read();
  }

  async *#read(): AsyncGenerator<Uint8Array, void, undefined> {
    const begun = performance.now();
    const progress: StreamProgress = { attempts: 1, daemonReport: {} };
    const end = (daemonReport: Partial<CallReport>): void => {
      this.#report = { ...daemonReport, totalMs: performance.now() - begun, attempts: progress.attempts };
    };
    try {
      yield* this.#open(progress);
      end(progress.daemonReport);
    } catch (error) {
      end((DcfError.is(error) ? error.report : undefined) ?? progress.daemonReport);
      throw error;
    }
  }
}
