import assert from 'node:assert/strict';
import { HpackDecoder } from '../../../src/http2/hpack/decoder.js';
import { type Frame, flag, preface, types } from './frames.js';

const setting = { headerTableSize: 1, initialWindow: 4, maxFrameSize: 5 } as const;
const largestTable = 64 * 1024;

interface ViewedStream {
  /** Bytes that the server may send. */
  window: number;
  begun: boolean;
  ended: boolean;
  reset: boolean;
}

/**
 * What a client knows of its connection: it reads every byte that both sides send, and fails a test when the server breaks RFC 9113. It
 * knows nothing of the server's code.
 */
export class ClientView {
  readonly streams = new Map<number, ViewedStream>();
  /** The code of the last GOAWAY. */
  goaway: number | undefined;
  private readonly decoder = new HpackDecoder({ maxTableSize: largestTable, maxListSize: 1 << 24 });
  /** The largest identifier that the client has used. */
  private lastId = 0;
  private window = 65_535;
  private initialWindow = 65_535;
  private maxFrameSize = 16_384;
  /** SETTINGS of the client that are not acknowledged. */
  private readonly pending: Buffer[] = [];
  private pings = 0;
  private begun = false;
  /** The header block that goes on. */
  private block: { id: number; flags: number; parts: Buffer[] } | undefined;
  private rest: Buffer = Buffer.alloc(0);
  private prefaceRead = false;

  constructor() {
    this.decoder.acknowledged(4096);
  }

  /** To be called with all that the client sends, before the server has it. */
  sends(bytes: Buffer): void {
    this.rest = this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes]);
    if (!this.prefaceRead && this.rest.length >= preface.length) {
      this.prefaceRead = true;
      this.rest = this.rest.subarray(preface.length);
    }
    while (this.prefaceRead && this.rest.length >= 9 && this.rest.length >= 9 + this.rest.readUIntBE(0, 3)) {
      const end = 9 + this.rest.readUIntBE(0, 3);
      const id = this.rest.readUInt32BE(5) & 0x7fffffff;
      this.sent({ type: this.rest[3] ?? 0, flags: this.rest[4] ?? 0, id, payload: this.rest.subarray(9, end) });
      this.rest = this.rest.subarray(end);
    }
  }

  private sent({ type, flags, id, payload }: Frame): void {
    if (type === types.settings && (flags & flag.ack) === 0) this.pending.push(Buffer.from(payload));
    if (type === types.ping && (flags & flag.ack) === 0) this.pings += 1;
    if (type === types.headers) this.lastId = Math.max(this.lastId, id);
    if (type === types.headers && !this.streams.has(id))
      this.streams.set(id, { window: this.initialWindow, begun: false, ended: false, reset: false });
    if (type !== types.windowUpdate || payload.length !== 4) return;
    const increment = payload.readUInt32BE(0) & 0x7fffffff;
    const stream = this.streams.get(id);
    if (id === 0) this.window += increment;
    else if (stream !== undefined) stream.window += increment;
  }

  /** To be called with each frame of the server, in their order. */
  receives(frame: Frame): void {
    const { type, flags, id, payload } = frame;
    assert.ok(this.begun || type === types.settings, 'SETTINGS come first');
    this.begun = true;
    assert.ok(payload.length <= this.maxFrameSize, `a frame of ${payload.length} bytes`);
    if (this.block !== undefined) assert.ok(type === types.continuation && id === this.block.id, 'a frame within a header block');
    switch (type) {
      case types.settings:
        assert.equal(id, 0);
        if ((flags & flag.ack) !== 0) this.acknowledged(payload);
        else assert.equal(payload.length % 6, 0);
        return;
      case types.ping:
        assert.deepEqual([id, payload.length], [0, 8]);
        if ((flags & flag.ack) !== 0) assert.ok(this.pings-- > 0, 'an answer to no PING');
        return;
      case types.goaway:
        assert.ok(id === 0 && payload.length >= 8);
        assert.ok((payload.readUInt32BE(0) & 0x80000000) === 0);
        this.goaway = payload.readUInt32BE(4);
        return;
      case types.windowUpdate:
        assert.ok(payload.length === 4 && payload.readUInt32BE(0) > 0 && payload.readUInt32BE(0) <= 0x7fffffff);
        // It may come after the end of a response, as long as the request goes on.
        if (id !== 0) assert.ok(this.streams.get(id)?.reset === false, `credit for stream ${id}, which is idle or was reset`);
        return;
      case types.reset: {
        assert.equal(payload.length, 4);
        const stream = this.streams.get(id);
        // Streams that were left out are closed (RFC 9113, section 5.1.1).
        assert.ok(id % 2 === 1 && id <= this.lastId, `RST_STREAM for stream ${id}, which is idle`);
        if (stream !== undefined) stream.reset = true;
        return;
      }
      case types.headers:
        this.openStream(id);
        this.block = { id, flags, parts: [] };
        this.takePart(flags, payload);
        return;
      case types.continuation:
        assert.ok(this.block !== undefined, 'CONTINUATION without HEADERS');
        this.takePart(flags, payload);
        return;
      case types.data:
        this.takeData(frame);
        return;
      default:
        assert.fail(`a frame of type ${type}`);
    }
  }

  private openStream(id: number): ViewedStream {
    const stream = this.streams.get(id);
    assert.ok(stream !== undefined, `a frame for stream ${id}, which is idle`);
    assert.ok(!stream.ended && !stream.reset, `a frame for stream ${id}, which has ended`);
    return stream;
  }

  private takeData({ flags, id, payload }: Frame): void {
    const stream = this.openStream(id);
    assert.ok(stream.begun, 'DATA before HEADERS');
    this.window -= payload.length;
    stream.window -= payload.length;
    if (payload.length > 0) assert.ok(this.window >= 0 && stream.window >= 0, `windows of ${this.window} and ${stream.window} bytes`);
    stream.ended = (flags & flag.endStream) !== 0;
  }

  private takePart(flags: number, payload: Buffer): void {
    const { block } = this;
    if (block === undefined) return;
    block.parts.push(payload);
    if ((flags & flag.endHeaders) === 0) return;
    this.block = undefined;
    const fields = this.decoder.decode(Buffer.concat(block.parts));
    const stream = this.openStream(block.id);
    const ends = (block.flags & flag.endStream) !== 0;
    assert.ok(!stream.begun || ends, 'trailers that do not end the response');
    assert.equal(fields?.includes(':status'), !stream.begun);
    stream.begun = true;
    stream.ended = ends;
  }

  private acknowledged(payload: Buffer): void {
    assert.equal(payload.length, 0);
    const settings = this.pending.shift();
    assert.ok(settings !== undefined, 'an acknowledgement of no SETTINGS');
    for (let at = 0; at + 6 <= settings.length; at += 6) {
      const value = settings.readUInt32BE(at + 2);
      const identifier = settings.readUInt16BE(at);
      if (identifier === setting.headerTableSize) this.decoder.acknowledged(Math.min(value, largestTable));
      if (identifier === setting.maxFrameSize) this.maxFrameSize = value;
      if (identifier !== setting.initialWindow) continue;
      for (const stream of this.streams.values()) stream.window += value - this.initialWindow;
      this.initialWindow = value;
    }
  }
}
