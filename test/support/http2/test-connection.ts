import { Connection, type ConnectionLimits, defaultLimits } from '../../../src/http2/connection.js';
import type { RequestHead } from '../../../src/http2/request-head.js';
import type { Stream, StreamListener } from '../../../src/http2/stream.js';
import { FakeSocket } from './fake-socket.js';
import { describe, type Frame, preface, readFrames, settings } from './frames.js';

/** What a test does with a new stream, beside what is written down of it. */
export type OnStream = (stream: Stream, head: RequestHead | undefined) => Partial<StreamListener> | undefined;

export interface TestConnectionOptions {
  limits?: Partial<ConnectionLimits>;
  onStream?: OnStream;
  indexedNames?: ReadonlySet<string>;
}

/** A connection on a fake socket and a clock that stands still. What it tells its streams is written down. */
export class TestConnection {
  readonly socket = new FakeSocket();
  readonly connection: Connection;
  /** What the listeners were told: `data 1 abc`, `end 1`, `reset 1 CANCEL`, and `stream 1` for a new one. */
  readonly told: string[] = [];
  readonly streams = new Map<number, Stream>();
  readonly internalErrors: unknown[] = [];
  /** Milliseconds. */
  now = 1_000_000;
  private scheduled = false;

  constructor({ limits, onStream, indexedNames = new Set() }: TestConnectionOptions = {}) {
    this.connection = new Connection(this.socket, {
      limits: { ...defaultLimits, ...limits },
      indexedNames,
      onStream: (stream, head) => {
        this.told.push(head === undefined ? `stream ${stream.id} without headers` : `stream ${stream.id}`);
        this.streams.set(stream.id, stream);
        return this.listener(stream, onStream?.(stream, head));
      },
      schedule: () => {
        this.scheduled = true;
      },
      onInternalError: (error) => this.internalErrors.push(error),
      now: () => this.now,
    });
  }

  /** The client's preface and its settings; the answers are dropped. */
  begin(entries: readonly (readonly [identifier: number, value: number])[] = []): this {
    this.send(preface, settings(entries));
    this.frames();
    return this;
  }

  /** Sends bytes of the client, as one chunk, and does what was to be done at the end of the turn. */
  send(...bytes: Uint8Array[]): void {
    this.connection.read(Buffer.concat(bytes));
    this.turn();
  }

  /** Does what was to be done at the end of the turn. */
  turn(): void {
    for (let turns = 0; this.scheduled; turns++) {
      if (turns > 10_000) throw new Error('the connection has something to write for ever');
      this.scheduled = false;
      this.connection.flush();
    }
  }

  /** The frames that were sent since this was last called. */
  frames(): Frame[] {
    this.turn();
    return readFrames(this.socket.taken());
  }

  /** What `frames` gives, in words. */
  sent(): string[] {
    return this.frames().map(describe);
  }

  /** Number of streams that have not closed. */
  get openStreams(): number {
    return [...this.streams.values()].filter(({ state }) => state !== 'closed').length;
  }

  stream(id: number): Stream {
    const stream = this.streams.get(id);
    if (stream === undefined) throw new Error(`there was no stream ${id}`);
    return stream;
  }

  private listener({ id }: Stream, more: Partial<StreamListener> | undefined): StreamListener {
    return {
      data: (bytes, start, end) => {
        this.told.push(`data ${id} ${bytes.toString('latin1', start, end)}`);
        more?.data?.(bytes, start, end);
      },
      endOfRequest: () => {
        this.told.push(`end ${id}`);
        more?.endOfRequest?.();
      },
      reset: (code) => {
        this.told.push(`reset ${id} ${code}`);
        more?.reset?.(code);
      },
    };
  }
}
