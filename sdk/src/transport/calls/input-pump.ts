import type { ClientDuplexStream } from '@grpc/grpc-js';
import { ChunkWriter, encodeStreamEnd, requestChunks, type SentChunk } from '../../contract/chunks.js';
import { readInput } from './invoke.js';

/** The iterator that gives the chunks of an input. */
export type ChunkSource = AsyncIterator<Uint8Array | string> | Iterator<Uint8Array | string>;

/** Bytes that may wait to be written before the source is asked for more. */
const maxQueued = 64 * 1024;

/** Sends the chunks of an input, no faster than the daemon accepts them. */
export class InputPump {
  /** The error of the source, or of a chunk that cannot be sent. */
  fault: unknown;
  #queued = 0;
  #over = false;
  #room: (() => void) | undefined;
  readonly #writer: ChunkWriter<SentChunk>;

  /**
   * @param maxPayload - most bytes of one chunk; `undefined` for no limit
   * @param onMove - called whenever the daemon has accepted a chunk
   */
  constructor(
    private readonly call: ClientDuplexStream<Buffer, Buffer>,
    private readonly source: ChunkSource,
    private readonly maxPayload: number | undefined,
    onMove: () => void,
  ) {
    const write = (message: Buffer, written: () => void): void => {
      // After a write that fails comes the call's status, which has the reason.
      call.write(message, (error?: Error | null) => {
        if (!error) written();
      });
    };
    this.#writer = new ChunkWriter(requestChunks, write, ({ output }) => {
      this.#queued -= output.length;
      onMove();
      if (this.#queued < maxQueued) this.#wake();
    });
  }

  /** Sends all chunks, and ends this side of the call. Never rejects: if the source fails, the call is cancelled. */
  async run(): Promise<void> {
    try {
      for (let next = await this.source.next(); next.done !== true; next = await this.source.next()) {
        if (this.#over) return;
        const output = readInput(next.value, this.maxPayload);
        this.#queued += output.length;
        this.#writer.send({ output, headroom: 0 });
        if (this.#queued >= maxQueued) await this.#untilRoom();
      }
      while (!this.#over && !this.#writer.idle) await this.#untilRoom();
      if (!this.#over) this.call.end(encodeStreamEnd());
    } catch (error) {
      if (this.#over) return;
      this.fault = error;
      this.call.cancel();
    }
  }

  /** Called when the call has ended: sends nothing more, and ends the source. */
  stop(): void {
    if (this.#over) return;
    this.#over = true;
    this.#wake();
    // Not awaited, as the source may wait for its next chunk for any time.
    void Promise.resolve(this.source.return?.()).catch(() => undefined);
  }

  #untilRoom(): Promise<void> {
    return new Promise((resolve) => {
      this.#room = resolve;
    });
  }

  #wake(): void {
    this.#room?.();
    this.#room = undefined;
  }
}
