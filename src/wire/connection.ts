import type { OnReadOpts, Socket } from 'node:net';
import { encodeFrame, type Frame, FrameDecoder, FrameError, inlineBodyLength } from './frame.js';
import { fromFrame, isLog, type Message, toFrame } from './messages.js';

export interface ConnectionOptions {
  /** Makes the socket with these options; it is then the connection's. */
  open: (onread: OnReadOpts) => Socket;
  /** Bytes of the longest body that is taken. */
  maxBodyLength: number;
  /** Bytes left free in front of each body that comes. */
  headroom: number;
  /** Makes the memory of a body that comes, its headroom included. */
  allocate: (length: number) => Buffer;
  onMessage: (message: Message) => void;
  /** Asked before each LOG is looked into; it is dropped where this says no. */
  takesLog?: () => boolean;
  /** Once, when the stream is over: in order (`undefined`), or with what broke it. */
  onClose: (error: Error | undefined) => void;
  /**
   * Whether reading stops while too much waits to be written. Only a worker does: were both sides to stop, neither
   * would read what the other waits to write. What the daemon has to read is bounded by the calls that it sent.
   */
  pauseWhenCongested: boolean;
}

const nothing = new Uint8Array(0);
const scratchLength = 64 * 1024;
/** After a read with as many lines of a log, what else waits in this turn goes first. */
const manyLogs = 64;

/**
 * Number of messages that are written without waiting for the turn's end: the other side then works on them while this one still
 * makes more. Waiting for all of 64 calls left both sides idle in turns.
 */
const flushLength = 16;

/** Chunks up to this size are put together before they are written: one large write costs less than many in one writev. */
const gatheredLength = 2 * inlineBodyLength;

/**
 * The worker protocol over one byte stream, either end. What is sent in one turn of the event loop is gathered into few writes.
 */
export class Connection {
  private readonly decoder: FrameDecoder;
  private readonly stream: Socket;
  /** What is no long body is read into this one buffer, time and again. */
  private readonly scratch = Buffer.allocUnsafeSlow(scratchLength);
  private outgoing: Uint8Array[] = [];
  private flushScheduled = false;
  /** LOGs of the read that goes on. */
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

  /** Sends a message; a closed connection swallows it. Throws a FrameError when the message does not fit a frame. */
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

  /** Writes what waits, without waiting for the turn's end. */
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

  /** Writes what waits, and calls `done` once the system has taken all of it: before this returns, as a rule. */
  handOver(done: () => void): void {
    this.flush();
    if (this.closed) return;
    if (this.stream.writableLength === 0) done();
    else this.stream.write(nothing, () => done());
  }

  /** Writes what is left, ends this side of the stream and then calls `done`, also when the other side is gone. */
  finish(done: () => void): void {
    this.flush();
    if (this.closed) {
      done();
      return;
    }
    this.stream.once('close', done);
    this.stream.end(() => this.stream.destroy());
  }

  /** Drops the stream at once. */
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

  /** One read takes 64 KiB at most, but one turn up to 32 of them: a flood of lines would hold up everything else for long. */
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
      // What was answered at once need not wait for the turn's end.
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
