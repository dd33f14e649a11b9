import type { AbuseGuard } from './abuse.js';
import { ConnectionError, StreamError } from './errors.js';
import { ReceiveWindow } from './flow-control.js';
import { flags as frameFlags, frameTypes, readUint31 } from './frame.js';
import type { FrameWriter } from './frame-writer.js';
import { type HeaderBlock, HeaderBlocks } from './header-blocks.js';
import { HpackDecoder } from './hpack/decoder.js';
import type { HpackEncoder } from './hpack/encoder.js';
import { HpackError } from './hpack/hpack-error.js';
import { Pace } from './pace.js';
import { type ServerStreams, selfDependent } from './server-streams.js';
import { applySettings, type PeerSettings } from './settings.js';

export interface ReceiverOptions {
  /** Bytes that a client may send in all streams together before it gets more credit. */
  connectionWindow: number;
  /** Bytes of a request's headers, plus 32 for each. */
  maxHeaderListSize: number;
  /** Milliseconds between two PINGs while nothing is sent. */
  leastPingInterval: number;
  /** The settings that hold before the client's first frame. */
  peer: PeerSettings;
  /** The client has answered a PING with these bytes. */
  onPong: (payload: Buffer) => void;
  /** Reports an exception that no peer can cause. */
  onInternalError: (error: unknown) => void;
  /** Milliseconds of a clock that never goes back. */
  now: () => number;
}

/** The parts of a connection that frames act on. */
export interface ReceiverParts {
  writer: FrameWriter;
  encoder: HpackEncoder;
  streams: ServerStreams;
  guard: AbuseGuard;
}

const nothing = Buffer.alloc(0);

/** Acts on the frames of a client, and checks that each may come where it comes (RFC 9113, section 6). */
export class Receiver {
  private readonly pace: Pace;
  private readonly blocks: HeaderBlocks;
  private readonly decoder: HpackDecoder;
  private readonly window: ReceiveWindow;
  private peer: PeerSettings;
  /** Whether the first frame, which must be SETTINGS, has come. */
  private begun = false;

  constructor(
    private readonly parts: ReceiverParts,
    private readonly options: ReceiverOptions,
  ) {
    const { maxHeaderListSize, connectionWindow, peer } = options;
    this.pace = new Pace(parts.guard, parts.writer, options);
    // A block over the limit is read to its end as long as it is not absurd: only its own stream is refused then.
    this.blocks = new HeaderBlocks(4 * maxHeaderListSize, parts.guard);
    this.decoder = new HpackDecoder({ maxListSize: maxHeaderListSize });
    this.window = new ReceiveWindow(connectionWindow);
    this.peer = peer;
  }

  /** Whether a header block has begun and its rest has not come. */
  get blockOpen(): boolean {
    return this.blocks.openStream !== undefined;
  }

  /** Takes a frame. @throws ConnectionError when the connection must end; what is wrong in one stream resets that stream */
  take(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    try {
      if (!this.begun) this.takeFirst(type, flags);
      const { openStream } = this.blocks;
      if (openStream !== undefined && (type !== frameTypes.CONTINUATION || streamId !== openStream))
        throw new ConnectionError('PROTOCOL_ERROR', 'another frame within a header block');
      this.dispatch(type, flags, streamId, bytes, start, end);
    } catch (error) {
      if (error instanceof ConnectionError || streamId === 0) throw error;
      if (error instanceof StreamError) {
        this.parts.streams.fail(streamId, error);
        return;
      }
      this.options.onInternalError(error);
      this.parts.streams.abandon(streamId);
    }
  }

  private dispatch(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    switch (type) {
      case frameTypes.DATA:
        this.takeData(flags, streamId, bytes, start, end);
        return;
      case frameTypes.HEADERS:
        if (streamId === 0) throw new ConnectionError('PROTOCOL_ERROR', 'HEADERS for stream 0');
        this.takeBlock(this.blocks.headers(flags, streamId, bytes, start, end));
        return;
      case frameTypes.CONTINUATION:
        this.takeBlock(this.blocks.continuation(flags, streamId, bytes, start, end));
        return;
      case frameTypes.WINDOW_UPDATE:
        requireLength('WINDOW_UPDATE', end - start, 4);
        this.pace.windowUpdate();
        this.parts.streams.windowUpdate(streamId, readUint31(bytes, start));
        return;
      case frameTypes.RST_STREAM:
        requireLength('RST_STREAM', end - start, 4);
        this.parts.streams.reset(streamId, bytes.readUInt32BE(start));
        return;
      case frameTypes.SETTINGS:
        this.takeSettings(flags, streamId, bytes, start, end);
        return;
      case frameTypes.PING:
        this.takePing(flags, streamId, bytes, start, end);
        return;
      case frameTypes.PRIORITY:
        this.parts.guard.count('ignored');
        if (streamId === 0) throw new ConnectionError('PROTOCOL_ERROR', 'PRIORITY for stream 0');
        if (end - start !== 5) throw new StreamError('FRAME_SIZE_ERROR', 'a PRIORITY frame of a wrong length');
        if (readUint31(bytes, start) === streamId) throw new StreamError('PROTOCOL_ERROR', selfDependent);
        return;
      case frameTypes.GOAWAY:
        if (streamId !== 0) throw new ConnectionError('PROTOCOL_ERROR', 'GOAWAY in a stream');
        if (end - start < 8)
          throw new ConnectionError('FRAME_SIZE_ERROR', `a GOAWAY frame of ${end - start} bytes; it must have 8 or more`);
        this.parts.guard.count('ignored');
        return;
      case frameTypes.PUSH_PROMISE:
        throw new ConnectionError('PROTOCOL_ERROR', 'a client must not push');
      default:
        this.parts.guard.count('ignored');
    }
  }

  private takeFirst(type: number, flags: number): void {
    if (type !== frameTypes.SETTINGS || (flags & frameFlags.ACK) !== 0)
      throw new ConnectionError('PROTOCOL_ERROR', 'the first frame must be SETTINGS');
    this.begun = true;
  }

  private takeData(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    if (streamId === 0) throw new ConnectionError('PROTOCOL_ERROR', 'DATA for stream 0');
    if (!this.window.receive(length)) throw new ConnectionError('FLOW_CONTROL_ERROR', 'more DATA than the window allows');
    // Each stream has a window of its own: one that is not read must not hold up the others.
    const increment = this.window.giveBack(length);
    if (increment > 0) this.parts.writer.frameOfNumber(frameTypes.WINDOW_UPDATE, frameFlags.NONE, 0, increment);
    if ((flags & frameFlags.PADDED) === 0) {
      this.parts.streams.data(flags, streamId, length, bytes, start, end);
      return;
    }
    const padding = length === 0 ? 0 : (bytes[start] ?? 0);
    if (padding + 1 > length) throw new ConnectionError('PROTOCOL_ERROR', 'the padding of a DATA frame is longer than the frame');
    this.parts.streams.data(flags, streamId, length, bytes, start + 1, end - padding);
  }

  private takeBlock(block: HeaderBlock | undefined): void {
    if (block === undefined) return;
    let headers: ReturnType<HpackDecoder['decode']>;
    try {
      headers = this.decoder.decode(block.fragment);
    } catch (error) {
      if (error instanceof HpackError) throw new ConnectionError('COMPRESSION_ERROR', error.message);
      throw error;
    }
    this.parts.streams.headers(block, headers);
  }

  private takeSettings(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw new ConnectionError('PROTOCOL_ERROR', 'SETTINGS in a stream');
    if ((flags & frameFlags.ACK) !== 0) {
      requireLength('SETTINGS with ACK', end - start, 0);
      return;
    }
    this.parts.guard.count('settings');
    const peer = applySettings(this.peer, bytes, start, end);
    // The settings hold for what is sent after this.
    this.parts.writer.frame(frameTypes.SETTINGS, frameFlags.ACK, 0, nothing);
    for (const size of peer.headerTableSizes) this.parts.encoder.setMaxTableSize(size);
    this.peer = peer;
    this.parts.streams.setPeer(peer);
  }

  private takePing(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw new ConnectionError('PROTOCOL_ERROR', 'PING in a stream');
    requireLength('PING', end - start, 8);
    if ((flags & frameFlags.ACK) !== 0) {
      this.options.onPong(bytes.subarray(start, end));
      return;
    }
    this.pace.ping();
    this.parts.writer.frame(frameTypes.PING, frameFlags.ACK, 0, bytes.subarray(start, end));
  }
}

function requireLength(frame: string, length: number, wanted: number): void {
  if (length !== wanted) throw new ConnectionError('FRAME_SIZE_ERROR', `a ${frame} frame of ${length} bytes; it must have ${wanted}`);
}
