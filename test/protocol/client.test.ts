import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  ChunkReader,
  ChunkWriter,
  decodeInvokeReply,
  encodeInvokeRequest,
  encodeStreamEnd,
  encodeStreamStart,
  replyChunks,
  requestChunks,
} from '@dcf/sdk/contract';
import { type ErrorCode, statusCodes } from '@dcf/sdk/errors';
import { Metadata, status } from '@grpc/grpc-js';
import type * as Failures from '../../sdk/src/transport/failure.js';
import type * as Metadatas from '../../sdk/src/transport/metadata.js';
import type { HeaderOptions } from '../../sdk/src/transport/metadata.js';
import type * as Retries from '../../sdk/src/transport/retry.js';
import { root } from '../support/programs.js';
import { runPython, withoutPython } from '../support/python.js';

// The rules of a client are no part of what the SDK exports.
const { classifyFailure }: typeof Failures = await import(join(root, 'sdk/dist/transport/failure.js'));
const { callHeaders }: typeof Metadatas = await import(join(root, 'sdk/dist/transport/metadata.js'));
const { retryNotStarted }: typeof Retries = await import(join(root, 'sdk/dist/transport/retry.js'));

const folder = join(root, 'test', 'protocol', 'client');

interface RetryCase {
  what: string;
  failure: { kind: keyof typeof details; answerBegun?: boolean } | { kind: 'answered'; code: ErrorCode; trailers: Record<string, string> };
  attempts?: number;
  elapsedMs?: number;
  waitForReady?: boolean;
  /** The least and the most; `null` when it must not be tried again. */
  delayMs: [number, number] | null;
}

interface HeaderCase {
  what: string;
  given: HeaderOptions;
  headers?: [string, string][];
  problem?: string;
}

interface Envelopes {
  requests: { function: string; input: string; message: string }[];
  replies: { what: string; message: string; output: string | null }[];
  /** The first message of a stream; `null`: its input follows in chunks. */
  streamStarts: { what: string; function: string; input: string | null; message: string }[];
  streamChunks: { what: string; chunk: string; message: string }[];
  streamEnds: { what: string; message: string }[];
  streamReplies: { what: string; message: string; chunks: string[] | null }[];
}

function read<Content>(name: string): Content {
  return JSON.parse(readFileSync(join(folder, name), 'utf8'));
}

const retries = read<RetryCase[]>('retry.json');
const headers = read<HeaderCase[]>('headers.json');
const envelopes = read<Envelopes>('envelopes.json');
const { requests, replies, streamStarts, streamChunks, streamEnds, streamReplies } = envelopes;

/** What grpc-js says of an attempt to which no server gave a status. It says the same of what a GOAWAY cut off as of a refused stream. */
const details = {
  refused: 'Stream refused by server',
  cutOff: 'Stream refused by server',
  closedAfterGoaway: 'Connection dropped',
  unsent: 'No connection established',
  broken: 'Connection dropped',
};

function classified({ failure }: RetryCase) {
  const metadata = new Metadata();
  const facts = { sent: failure.kind !== 'unsent', answerBegun: 'answerBegun' in failure && failure.answerBegun === true };
  if (failure.kind !== 'answered') return classifyFailure({ code: status.UNAVAILABLE, details: details[failure.kind], metadata }, facts);
  for (const [key, value] of Object.entries(failure.trailers)) metadata.set(key, value);
  return classifyFailure({ code: statusCodes[failure.code], details: "the daemon's own words", metadata }, facts);
}

for (const given of retries) {
  test(`tried again or not: ${given.what}`, () => {
    const { attempts = 1, elapsedMs = 0, waitForReady = false, delayMs } = given;
    for (let round = 0; round < 20; round++) {
      const limits = { deadline: Number.POSITIVE_INFINITY, timeoutMs: 60_000, signal: undefined, waitForReady };
      const delay = retryNotStarted(classified(given), attempts, elapsedMs, limits);
      if (delayMs === null) assert.equal(delay, undefined);
      else assert.ok(delay !== undefined && delay >= delayMs[0] - 1e-6 && delay <= delayMs[1] + 1e-6, String(delay));
    }
  });
}

for (const { what, given, headers: wanted, problem } of headers) {
  test(`headers: ${what}`, () => {
    if (problem === undefined) assert.deepEqual(callHeaders(given), wanted);
    else
      assert.throws(
        () => callHeaders(given),
        (error) => error instanceof Error && error.message.includes(problem),
      );
  });
}

test('envelopes', () => {
  for (const { function: name, input, message } of requests)
    assert.equal(encodeInvokeRequest({ function: name, input: Buffer.from(input, 'hex') }).toString('hex'), message);
  for (const { what, message, output } of replies) {
    const bytes = Buffer.from(message, 'hex');
    if (output === null) assert.throws(() => decodeInvokeReply(bytes), { code: 'INVALID_ARGUMENT' }, what);
    else assert.equal(decodeInvokeReply(bytes).toString('hex'), output, what);
  }
});

/** The messages in which a client sends these chunks, one after the other. */
function sentMessages(chunks: readonly Buffer[]): string[] {
  const messages: string[] = [];
  const write = (message: Buffer, written: () => void): void => {
    messages.push(message.toString('hex'));
    written();
  };
  const writer = new ChunkWriter(requestChunks, write, () => undefined);
  for (const output of chunks) writer.send({ output, headroom: 0 });
  return messages;
}

function chunksIn(message: Buffer): string[] {
  const reader = new ChunkReader(message, replyChunks);
  const chunks: string[] = [];
  for (let chunk = reader.next(); chunk !== undefined; chunk = reader.next()) chunks.push(Buffer.from(chunk).toString('hex'));
  return chunks;
}

test('envelopes of a stream', () => {
  for (const { what, function: name, input, message } of streamStarts) {
    const bytes = input === null ? undefined : Buffer.from(input, 'hex');
    assert.equal(encodeStreamStart({ function: name, input: bytes }).toString('hex'), message, what);
  }
  assert.deepEqual(
    sentMessages(streamChunks.map(({ chunk }) => Buffer.from(chunk, 'hex'))),
    streamChunks.map(({ message }) => message),
  );
  for (const { what, message } of streamEnds) assert.equal(encodeStreamEnd().toString('hex'), message, what);
  for (const { what, message, chunks } of streamReplies) {
    const bytes = Buffer.from(message, 'hex');
    if (chunks === null) assert.throws(() => chunksIn(bytes), { code: 'INVALID_ARGUMENT' }, what);
    else assert.deepEqual(chunksIn(bytes), chunks, what);
  }
});

test('the client for Python passes the same vectors', { skip: withoutPython('grpc') }, async () => {
  const program = readFileSync(join(root, 'test', 'protocol', 'client_vectors.py'), 'utf8');
  const cases = [retries, headers, ...Object.values(envelopes)].map(({ length }) => length);
  assert.equal(
    await runPython(program, { args: [folder] }),
    cases.reduce((sum, count) => sum + count),
  );
});
