import type { CallReport } from './contract/report.js';
import { DcfError } from './errors.js';
import type { StreamProgress } from './transport/calls/stream-chunks.js';

/** The chunks of a streamed call's output, which can be read once. The call begins when the first chunk is read. */
export class StreamResult implements AsyncIterable<Uint8Array> {
  #report: CallReport | undefined;
  #begun = false;
  readonly #open: (progress: StreamProgress) => AsyncGenerator<Uint8Array, void, undefined>;

  /** @param open - begins the call, and keeps `progress` up to date */
  constructor(open: (progress: StreamProgress) => AsyncGenerator<Uint8Array, void, undefined>) {
    this.#open = open;
  }

  /** How the call went; `undefined` until all chunks are read or the call has failed. */
  get report(): CallReport | undefined {
    return this.#report;
  }

  /** Reads the chunks. Leaving the loop early cancels the call. @throws DcfError FAILED_PRECONDITION the second time */
  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#begun) throw new DcfError('FAILED_PRECONDITION', 'the chunks of a stream can be read only once; call stream() again');
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
