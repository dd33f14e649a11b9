import assert from 'node:assert/strict';
import type { Stream, StreamListener } from '../../../src/http2/stream.js';
import { ClientView } from './client-view.js';
import {
  block,
  data,
  errorCode,
  flag,
  frame,
  number,
  padded,
  ping,
  preface,
  readFrames,
  requestFields,
  reset,
  settings,
  settingsAck,
  types,
  windowUpdate,
} from './frames.js';
import { TestConnection } from './test-connection.js';

/** A change of the bytes that a client sends: the byte at a place of its stream, counted from the preface on. */
export interface Mutation {
  at: number;
  byte: number;
}

const status = [':status', '200'];
const nothing = new Uint8Array(0);
const head = Buffer.from('head');
const zeros = Buffer.alloc(100_000);

/**
 * A connection that does what numbers say: frames of the client, right and wrong ones, and what a server does with its streams. Fails
 * when the connection throws, tells a stream something after its end, keeps a stream, or sends what RFC 9113 does not allow.
 */
export class RandomConnection {
  private readonly view = new ClientView();
  private readonly connection: TestConnection;
  private nextId = 1;
  private sentLength = 0;
  private readonly responded = new Set<Stream>();
  /** Streams whose listener may not be told anything any more. */
  private readonly over = new Set<number>();
  private readonly requestEnded = new Set<number>();
  private held = false;

  constructor(private readonly mutations: readonly Mutation[]) {
    this.connection = new TestConnection({
      indexedNames: new Set(['x-indexed']),
      limits: { maxConcurrentStreams: 4, streamWindow: 65_535, connectionWindow: 65_535, maxHeaderListSize: 2_000 },
      onStream: (stream) => this.listener(stream),
    });
    this.client(preface, settings());
  }

  /** Does one step. */
  step(choice: number): void {
    const kind = choice & 15;
    // One of the last streams, or one that is idle.
    const id = Math.max(1, this.nextId - 2 * ((choice >>> 4) & 7));
    const more = choice >>> 7;
    if (kind < 9) this.client(this.frameOf(kind, id, more));
    else this.serve(kind, this.connection.streams.get(id), more);
    this.check();
  }

  /** Ends the connection, and checks that nothing is left. Without mutations, everything that waits can be sent before. */
  finish(): void {
    const { connection } = this.connection;
    this.release();
    const healthy = !this.connection.socket.writableEnded && !this.connection.socket.destroyed;
    if (healthy && this.mutations.length === 0) {
      const updates = [...this.connection.streams.values()]
        .filter((stream) => stream.state !== 'closed')
        .map(({ id }) => windowUpdate(id, 1 << 20));
      this.client(settings([[4, 1 << 20]]), windowUpdate(0, 1 << 24), ...updates);
      this.check();
      for (const stream of this.connection.streams.values())
        assert.ok(stream.next === undefined && (!stream.ended || !stream.sends), `stream ${stream.id} does not go on`);
      for (const stream of this.connection.streams.values()) {
        const viewed = this.view.streams.get(stream.id);
        if (stream.ended && !this.over.has(stream.id) && !viewed?.reset) assert.ok(viewed?.ended, `stream ${stream.id} has no end`);
      }
    }
    connection.closed();
    assert.equal(this.connection.openStreams, 0);
    for (const stream of this.connection.streams.values()) assert.equal(stream.state, 'closed');
    this.client(ping());
    this.connection.turn();
    assert.deepEqual(this.connection.internalErrors, []);
  }

  private client(...frames: Buffer[]): void {
    for (const one of frames) {
      // Some frames are the same bytes for every connection.
      const bytes = this.mutations.length === 0 ? one : Buffer.from(one);
      for (const { at, byte } of this.mutations) {
        const place = preface.length + at - this.sentLength;
        if (place >= 0 && place < bytes.length) bytes[place] = byte;
      }
      this.sentLength += bytes.length;
      this.view.sends(bytes);
      // Where it is cut does not matter to anybody.
      const cut = this.sentLength % (bytes.length + 1);
      this.connection.connection.read(bytes.subarray(0, cut));
      this.connection.connection.read(bytes.subarray(cut));
    }
  }

  /** A frame of the client. Now and then it is one that is not allowed where it comes. */
  private frameOf(kind: number, id: number, more: number): Buffer {
    switch (kind) {
      case 0:
      case 1:
        return this.request(more);
      case 2:
      case 3:
        return this.dataOf(id, more);
      case 4:
        return windowUpdate((more & 1) === 0 ? 0 : id, (more & 2) === 0 ? more >>> 2 : (more >>> 2) % 50);
      case 5:
        return reset(id, errorCode.cancel);
      case 6:
        return settings([this.settingOf(more), ...((more & 4) === 0 ? [] : [this.settingOf(more >>> 3)])]);
      case 7:
        return frame(types.headers, flag.endHeaders | ((more & 3) === 0 ? 0 : flag.endStream), id, block([['x', 'trailer']]));
      default:
        return (
          [
            ping(),
            settingsAck,
            frame(types.priority, 0, id, Buffer.alloc(5)),
            frame(77, 255, id),
            frame(types.goaway, 0, 0, Buffer.alloc(8)),
            frame(types.continuation, more & 4, id),
          ][more % 6] ?? ping()
        );
    }
  }

  private settingOf(more: number): [identifier: number, value: number] {
    const value = more >>> 2;
    switch (more & 3) {
      case 0:
        return [4, value];
      case 1:
        return [4, value % 20];
      case 2:
        return [5, 16_384 + value];
      default:
        return [1, value % 6_000];
    }
  }

  private request(more: number): Buffer {
    const id = (more & 31) === 31 ? Math.max(1, this.nextId - 2) : this.nextId;
    this.nextId = Math.max(this.nextId, id + 2);
    const flags = ((more >>> 5) & 1) === 0 ? 0 : flag.endStream;
    const fields = requestFields((more & 0x7c0) === 0x7c0 ? { ':path': undefined } : {});
    if (((more >>> 11) & 7) === 7) fields.push(['content-length', '10']);
    if (((more >>> 11) & 7) === 6) fields.push(['x', 'y'.repeat(3_000)]);
    const bytes = block(fields);
    switch ((more >>> 14) & 3) {
      case 0:
        return frame(types.headers, flags | flag.endHeaders | flag.padded, id, padded(bytes, 7));
      case 1:
        return frame(types.headers, flags | flag.endHeaders | flag.priority, id, Buffer.concat([number(0), Buffer.from([1]), bytes]));
      case 2:
        return Buffer.concat([
          frame(types.headers, flags, id, bytes.subarray(0, 9)),
          frame(types.continuation, flag.endHeaders, id, bytes.subarray(9)),
        ]);
      default:
        return frame(types.headers, flags | flag.endHeaders, id, bytes);
    }
  }

  private dataOf(id: number, more: number): Buffer {
    const flags = (more & 3) === 0 ? flag.endStream : 0;
    const body = zeros.subarray(0, (more & 4) === 0 ? (more >>> 4) % 20 : (more >>> 4) % 16_000);
    return (more & 8) === 0 ? data(id, body, flags) : data(id, padded(body, 3), flags | flag.padded);
  }

  /** What a server does. */
  private serve(kind: number, stream: Stream | undefined, more: number): void {
    if (kind === 14) {
      this.surroundings(more);
      return;
    }
    if (stream === undefined || stream.state === 'closed') return;
    if (kind === 9 || kind === 10) this.send(stream, (more & 3) === 0 ? more % 90_000 : more % 300);
    else if (kind === 11) this.end(stream, more);
    else if (kind === 12) stream.giveBack(more % 20_000);
    else if (kind === 13) stream.expect(more);
    else if ((more & 7) === 0) {
      stream.reset('CANCEL');
      this.over.add(stream.id);
    }
  }

  private surroundings(more: number): void {
    const { connection } = this.connection;
    switch (more & 7) {
      case 0:
        this.connection.socket.hold();
        this.held = true;
        return;
      case 1:
      case 2:
        this.release();
        return;
      case 3:
        if ((more & 0x38) === 0) connection.drain();
        return;
      case 4:
        this.connection.now += more;
        connection.sweep(60_000);
        return;
      case 5:
        connection.ping();
        return;
      default:
        this.connection.turn();
    }
  }

  private send(stream: Stream, length: number): void {
    if (stream.ended) return;
    if (!this.responded.has(stream)) {
      this.responded.add(stream);
      stream.respond([...status, 'x-indexed', String(length % 3)]);
    }
    stream.send(head, zeros.subarray(0, length));
  }

  private end(stream: Stream, more: number): void {
    if (stream.ended || stream.state === 'closed') return;
    // After `end` the listener may still be told of a reset while something waits.
    if (this.responded.has(stream)) stream.end((more & 1) === 0 ? [] : ['x-indexed', String(more % 3), 'y', 'z'.repeat(more % 40_000)]);
    else stream.end([...status, 'x-indexed', '0']);
  }

  private release(): void {
    if (!this.held) return;
    this.held = false;
    this.connection.socket.release();
    this.connection.connection.drained();
  }

  /** Reads what was sent. What a held socket has not taken comes later. */
  private check(): void {
    this.connection.turn();
    for (const one of readFrames(this.connection.socket.taken())) this.view.receives(one);
    if (this.connection.socket.writableEnded) assert.equal(this.connection.openStreams, 0);
  }

  private listener(stream: Stream): StreamListener {
    const { id } = stream;
    const told = (): void => assert.ok(!this.over.has(id), `stream ${id} has ended, and its listener is told something`);
    return {
      data: (_bytes, start, end) => {
        told();
        assert.ok(stream.state === 'open' && !this.requestEnded.has(id), 'DATA after the end of a request or of its response');
        if (id % 3 === 0) stream.giveBack(end - start);
      },
      endOfRequest: () => {
        told();
        assert.ok(stream.state === 'half-closed-remote' && !this.requestEnded.has(id), 'a request ends twice');
        this.requestEnded.add(id);
        if (id % 5 === 0) this.end(stream, id);
      },
      reset: () => {
        told();
        this.over.add(id);
        assert.equal(stream.state, 'closed');
        assert.throws(() => stream.send(nothing, nothing));
        // A call that ends may make room for another one.
        if (id % 7 === 0) for (const other of this.connection.streams.values()) this.end(other, 0);
      },
    };
  }
}
