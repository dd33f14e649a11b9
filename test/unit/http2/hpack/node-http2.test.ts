import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, connect, type IncomingHttpHeaders, type OutgoingHttpHeaders, sensitiveHeaders } from 'node:http2';
import { Duplex } from 'node:stream';
import test, { type TestContext } from 'node:test';
import fc from 'fast-check';
import { HpackDecoder } from '../../../../src/http2/hpack/decoder.js';
import { HpackEncoder } from '../../../../src/http2/hpack/encoder.js';
import type { HeaderList } from '../../../../src/http2/hpack/header-list.js';
import { indexedField, literalField } from '../../../support/hpack-blocks.js';

const types = { data: 0, headers: 1, settings: 4, continuation: 9 };
const endStream = 1;
const acknowledged = 1;
const endHeaders = 4;
const headerTableSize = 1;

function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** The server's end of a connection with Node's HTTP/2 client: each request is decoded, and answered with the block that `answer` gives. */
class Server {
  readonly decoder = new HpackDecoder({ maxTableSize: 16_384, maxListSize: 1 << 20 });
  readonly encoder = new HpackEncoder(new Set(['content-type', 'grpc-status', 'x-often']));
  readonly blocks: Buffer[] = [];
  answer: (list: HeaderList) => Buffer = () => this.encoder.encode([':status', '200']);
  private rest = Buffer.alloc(0);
  private parts: Buffer[] = [];
  private readonly sizes: number[] = [];
  /** The client's end. */
  readonly client: Duplex;

  constructor() {
    this.client = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => {
        this.take(chunk);
        done();
      },
      final: (done) => {
        this.client.push(null);
        done();
      },
    });
    this.settings([]);
  }

  /** Sends SETTINGS. The decoder's table follows when the client acknowledges them. */
  settings(sizes: number[]): void {
    this.sizes.push(sizes[0] ?? 4096);
    const payload = Buffer.alloc(6 * sizes.length);
    for (const [place, size] of sizes.entries()) {
      payload.writeUInt16BE(headerTableSize, 6 * place);
      payload.writeUInt32BE(size, 6 * place + 2);
    }
    this.client.push(frame(types.settings, 0, 0, payload));
  }

  private take(chunk: Buffer): void {
    this.rest = Buffer.concat([this.rest, chunk]);
    const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
    if (this.rest.toString('latin1', 0, preface.length) === preface) this.rest = this.rest.subarray(preface.length);
    while (this.rest.length >= 9 && this.rest.length >= 9 + this.rest.readUIntBE(0, 3)) {
      const end = 9 + this.rest.readUIntBE(0, 3);
      this.takeFrame(this.rest[3] ?? 0, this.rest[4] ?? 0, this.rest.readUInt32BE(5), this.rest.subarray(9, end));
      this.rest = this.rest.subarray(end);
    }
  }

  private takeFrame(type: number, flags: number, stream: number, payload: Buffer): void {
    if (type === types.settings) this.takeSettings(flags, payload);
    if (type !== types.headers && type !== types.continuation) return;
    const priority = type === types.headers && (flags & 0x20) !== 0 ? 5 : 0;
    this.parts.push(payload.subarray(priority));
    if ((flags & endHeaders) === 0) return;
    const block = Buffer.concat(this.parts.splice(0));
    this.blocks.push(block);
    const list = this.decoder.decode(block);
    assert.ok(list !== undefined);
    this.client.push(frame(types.headers, endHeaders | endStream, stream, this.answer(list)));
  }

  private takeSettings(flags: number, payload: Buffer): void {
    if ((flags & acknowledged) !== 0) {
      this.decoder.acknowledged(this.sizes.shift() ?? 0);
      return;
    }
    for (let at = 0; at < payload.length; at += 6) {
      if (payload.readUInt16BE(at) === headerTableSize) this.encoder.setMaxTableSize(payload.readUInt32BE(at + 2));
    }
    this.client.push(frame(types.settings, acknowledged, 0, Buffer.alloc(0)));
  }
}

function open(t: TestContext, headerTableSize = 4096): { server: Server; session: ClientHttp2Session } {
  const server = new Server();
  const session = connect('http://localhost', { createConnection: () => server.client, settings: { headerTableSize, enablePush: false } });
  t.after(() => session.destroy());
  return { server, session };
}

async function ask(session: ClientHttp2Session, headers: OutgoingHttpHeaders): Promise<IncomingHttpHeaders> {
  const stream = session.request(headers, { endStream: true });
  const closed = once(stream, 'close');
  const answered = await new Promise<IncomingHttpHeaders>((resolve, reject) => {
    stream.once('response', resolve);
    stream.once('error', reject);
  });
  stream.resume();
  await closed;
  return answered;
}

/** The fields of a list that are no pseudo-header fields. */
function fieldsOf(list: HeaderList): string[] {
  return list.filter((_, place) => !list[place - (place % 2)]?.startsWith(':'));
}

function pairs(list: HeaderList): Record<string, string> {
  const found: Record<string, string> = {};
  for (let at = 0; at < list.length; at += 2) found[list[at] ?? ''] = list[at + 1] ?? '';
  return found;
}

const name = fc.oneof(
  fc.constantFrom('content-type', 'grpc-status', 'grpc-timeout', 'x-often', 'user-agent', 'authorization', 'cookie', 'via'),
  fc.stringMatching(/^x-[a-z0-9_.]{1,20}$/),
);
const value = fc.oneof(
  fc.constantFrom('0', 'application/grpc', '29998m'),
  fc.stringMatching(/^[!-~\u00a1-\u00ff]([ -~\u00a1-\u00ff]{0,200}[!-~])?$/),
);
const fields = fc.dictionary(name, value, { maxKeys: 6, noNullPrototype: true });
const size = fc.option(fc.oneof(fc.nat({ max: 200 }), fc.nat({ max: 16_384 })), { freq: 3 });

test("Node's HTTP/2 client and this code read each other's blocks, whatever the sizes of the tables", async (t) => {
  const request = fc.record({ fields, ours: size, theirs: size });
  await fc.assert(
    fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 8 }), async (requests) => {
      const { server, session } = open(t);
      server.answer = (list) => server.encoder.encode([':status', '200', ...fieldsOf(list)]);
      for (const { fields, ours, theirs } of requests) {
        if (ours !== null) server.settings([ours]);
        if (theirs !== null) session.settings({ headerTableSize: theirs });
        const { ':status': status, ...answered } = await ask(session, { ':path': '/dcf.v1.Functions/Invoke', ...fields });
        assert.equal(status, 200);
        assert.deepEqual(Object.fromEntries(Object.entries(answered)), fields);
      }
      session.destroy();
    }),
    { numRuns: 50 },
  );
});

test("Node's client sends a call again in the same bytes, and they give the very list", async (t) => {
  const { server, session } = open(t);
  const lists: HeaderList[] = [];
  server.answer = (list) => {
    lists.push(list);
    return server.encoder.encode([':status', '200', 'content-type', 'application/grpc']);
  };
  const headers = {
    ':method': 'POST',
    ':path': '/dcf.v1.Functions/Invoke',
    te: 'trailers',
    'content-type': 'application/grpc',
    authorization: 'Bearer token',
  };
  for (let call = 0; call < 4; call++) await ask(session, headers);
  assert.deepEqual(pairs(fieldsOf(lists[0] ?? [])), { te: 'trailers', 'content-type': 'application/grpc', authorization: 'Bearer token' });
  assert.deepEqual(lists[1], lists[0]);
  assert.equal(lists[3], lists[1]);
});

test("Node's client is told which fields are sensitive, and its blocks of several frames are read", async (t) => {
  const { server, session } = open(t);
  server.answer = (list) => server.encoder.encode([':status', '200', 'set-cookie', 'a=b', ...fieldsOf(list).slice(0, 2)]);
  const answered = await ask(session, { 'x-long': 'ab'.repeat(7_000), 'x-longer': 'c'.repeat(30_000) });
  assert.equal(answered['x-long'], 'ab'.repeat(7_000));
  assert.deepEqual(Reflect.get(answered, sensitiveHeaders), ['set-cookie']);
});

test("Node's client knows the Huffman codes that the tests use", async (t) => {
  const { server, session } = open(t);
  const visible = String.fromCharCode(
    ...Array.from({ length: 256 }, (_, code) => code).filter((code) => (code > 0x20 && code < 0x7f) || code >= 0x80),
  );
  server.answer = () => Buffer.concat([indexedField(8), literalField('without indexing', 'x-all', visible, true)]);
  assert.equal((await ask(session, {}))['x-all'], visible);
});
