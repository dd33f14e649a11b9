import type { OnReadOpts, Socket } from 'node:net';
import { encodeFrame, type Frame, FrameDecoder, FrameError, inlineBodyLength } from './frame.js';
import { fromFrame, isLog, type Message, toFrame } from './messages.js';

export interface ConnectionOptions {
  /** Makes the socket with these options. The connection then owns it. */
  open: (onread: OnReadOpts) => Socket;
  /** The most bytes of a received body. */
  maxBodyLength: number;
  /** Free bytes in front of each received body. */
  headroom: number;
  /** Allocates the memory of a received body, its headroom included. */
  allocate: (length: number) => Buffer;
  onMessage: (message: Message) => void;
  /** Asked before each LOG is parsed; when it returns false, the LOG is dropped. @default all are taken */
  takesLog?: () => boolean;
  /** Called once, when the stream has ended: regularly, or with the error that broke it. */
  onClose: (error: Error | undefined) => void;
  /**
   * Whether reading stops while too much waits to be written. Only a worker does that: if both sides stopped reading, they would wait
   * for each other for ever. For the daemon, the calls that it has sent bound what it has to read.
   */
  pauseWhenCongested: boolean;
}

const nothing = new Uint8Array(0);
const scratchLength = 64 * 1024;
/** After a read with this many LOGs the event loop handles its other events before the next read. */
const manyLogs = 64;

/**
 * This many messages are written before the end of the turn: the other side then works on them while this side still makes more. When
 * all of 64 calls were written together, each side was idle while the other worked.
 */
const flushLength = 16;

/** Chunks up to this size are copied together before they are written: one large write costs less than many in one writev. */
const gatheredLength = 2 * inlineBodyLength;

/**
 * One end of a byte stream that speaks the worker protocol. Messages of one turn of the event loop are gathered into few writes.
 */
export class Connection {
  private readonly decoder: FrameDecoder;
  private readonly stream: Socket;
  /** All reads except those of long bodies use this one buffer. */
  private readonly scratch = Buffer.allocUnsafeSlow(scratchLength);
  private outgoing: Uint8Array[] = [];
  private flushScheduled = false;
  /** Number of LOGs in the current read. */
  private logs = 0;
  private closed = false;

  constructor(private readonly options: ConnectionOptions) {
    const { maxBodyLength, headroom, allocate } = options;
    this.decoder = new FrameDecoder({ maxBodyLength, headroom, allocate, onFrame: (frame) => this.take(frame) });
    const stream = options.open({
      buffer: () => this.decoder.directTarget() ?? this.scratch,
      callback: (length, target) => this.read(length, target),
    });
    this.stream = stream;
    stream.on('end', () => this.end());
    stream.on('error', (error) => this.close(error));
    stream.on('close', () => this.close(undefined));
    if (options.pauseWhenCongested) stream.on('drain', () => stream.resume());
  }

  /** Sends a message; a closed connection ignores it. Throws a FrameError when the message does not fit in a frame. */
  send(message: Message): void {
    if (this.closed) return;
    const frame = toFrame(message);
    this.outgoing.push(encodeFrame(frame));
    if (frame.body.length > inlineBodyLength) this.outgoing.push(frame.body);
    if (this.outgoing.length >= flushLength) {
      this.flush();
      return;
    }
    if (this.flushScheduled) return;
    this.flushScheduled = true;
    setImmediate(() => {
      this.flushScheduled = false;
      this.flush();
    });
  }

  /** Writes all waiting messages now, and not at the end of the turn. */
  flush(): void {
    const chunks = this.outgoing;
    if (chunks.length === 0 || this.closed) return;
    this.outgoing = [];
    this.stream.cork();
    let small: Uint8Array[] = [];
    let roomy = true;
    const writeSmall = (): void => {
      const [first] = small;
      if (first !== undefined) roomy = this.stream.write(small.length === 1 ? first : Buffer.concat(small));
      small = [];
    };
    for (const chunk of chunks) {
      if (chunk.length <= gatheredLength) {
        small.push(chunk);
      } else {
        writeSmall();
        roomy = this.stream.write(chunk);
      }
    }
    writeSmall();
    this.stream.uncork();
    if (!roomy && this.options.pauseWhenCongested) this.stream.pause();
  }

  /** Writes all waiting messages, and calls `done` once the system has taken them, which is usually before this returns. */
  handOver(done: () => void): void {
    this.flush();
    if (this.closed) return;
    if (this.stream.writableLength === 0) done();
    else this.stream.write(nothing, () => done());
  }

  /** Writes all waiting messages, ends this side of the stream and then calls `done`, also when the other side is gone. */
  finish(done: () => void): void {
    this.flush();
    if (this.closed) {
      done();
      return;
    }
    this.stream.once('close', done);
    this.stream.end(() => this.stream.destroy());
  }

  /** Closes the stream at once; waiting messages are lost. */
  destroy(): void {
    this.stream.destroy();
    this.close(undefined);
  }

  private take(frame: Frame): void {
    if (isLog(frame)) {
      this.logs += 1;
      if (this.options.takesLog?.() === false) return;
    }
    this.options.onMessage(fromFrame(frame));
  }

  /** Pauses after a read with many LOGs: one turn may have 32 reads of 64 KiB, and many log lines would delay all other work. */
  private yieldAfterLogBurst(): boolean {
    const many = this.logs >= manyLogs;
    this.logs = 0;
    if (many) setImmediate(() => this.stream.resume());
    return many;
  }

  private read(length: number, target: Uint8Array): boolean {
    if (this.closed) return false;
    try {
      if (target === this.scratch) this.decoder.push(this.scratch.subarray(0, length));
      else this.decoder.advance(length);
      // Answers that were made at once do not wait for the end of the turn.
      this.flush();
    } catch (error) {
      this.stream.destroy();
      this.close(error instanceof Error ? error : new FrameError(String(error)));
    }
    return !this.closed && !this.yieldAfterLogBurst();
  }

  private end(): void {
    this.close(this.decoder.atBoundary ? undefined : new FrameError('the stream ended inside a frame'));
  }

  private close(error: Error | undefined): void {
    if (this.closed) return;
    this.closed = true;
    this.outgoing = [];
    this.options.onClose(error);
  }
}
