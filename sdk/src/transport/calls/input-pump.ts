import type { ClientDuplexStream } from '@grpc/grpc-js';
import { ChunkWriter, encodeStreamEnd, requestChunks, type SentChunk } from '../../contract/chunks.js';
import { readInput } from './invoke.js';

/** Where the chunks of an input come from. */
export type ChunkSource = AsyncIterator<Uint8Array | string> | Iterator<Uint8Array | string>;

/** Bytes that may wait to be written before the source is asked for more. */
const maxQueued = 64 * 1024;

/** Sends the chunks of an input as they come, no faster than the daemon takes them. */
export class InputPump {
  /** What the source threw, or why a chunk of it cannot be sent. */
  fault: unknown;
  #queued = 0;
  #over = false;
  #room: (() => void) | undefined;
  readonly #writer: ChunkWriter<SentChunk>;

  /**
   * @param maxPayload - bytes of one chunk
   * @param onMove - told whenever the daemon has taken something
   */
  constructor(
    private readonly call: ClientDuplexStream<Buffer, Buffer>,
    private readonly source: ChunkSource,
    private readonly maxPayload: number | undefined,
    onMove: () => void,
  ) {
    const write = (message: Buffer, written: () => void): void => {
      // A write that fails is followed by the call's status, which says why.
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

  /** Sends all of it and ends this side of the call. Never rejects: when the source fails, the call is cancelled. */
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

  /** The call is over: nothing more is sent, and the source is told that no more of it is wanted. */
  stop(): void {
    if (this.#over) return;
    this.#over = true;
    this.#wake();
    // It may be waiting for its next chunk, for as long as it likes.
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
