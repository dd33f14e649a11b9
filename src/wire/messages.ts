import { type ErrorCode, isErrorCode } from '../core/errors.js';
import { type Frame, FrameError } from './frame.js';
import { optionalText, record, strings, stringValues, text, whole } from './header-fields.js';
import { type InitHeader, readInitHeader } from './init-header.js';
import { flagsOfKind, kindOfFlags, type ReplyHead, type ReplyKind, readReplyHead } from './reply-head.js';

export { type InitHeader, protocolVersion } from './init-header.js';

/** The header of READY. */
export interface ReadyHeader {
  /** The execution providers that the Handler's sessions really use. */
  providers: readonly string[];
  /** Whether the worker takes batches: `maxBatch` is above 1 and the Handler has `callBatch`. */
  callBatch: boolean;
  /** Milliseconds that the Handler took to be built. */
  initMs: number;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** A message between the daemon and a worker. docs/worker-protocol.md explains each. */
export type Message =
  | { type: 'INIT'; init: InitHeader }
  | { type: 'READY'; ready: ReadyHeader }
  | { type: 'INIT_FAILED'; message: string; stack: string }
  | {
      type: 'CALL';
      id: number;
      timeoutMs: number;
      /** Whether the next CALL belongs to the same batch. */
      more: boolean;
      /** Whether the worker has to send STARTED before it runs the call. Until then the call counts as not started. */
      announce: boolean;
      /** Whether the input comes in DATA messages until END; the body is then empty. */
      streamIn: boolean;
      /** Whether the caller takes the output in chunks: the answer may be DATA messages and END instead of RESULT. */
      streamOut: boolean;
      /** Whether the caller takes either: DATA messages and END, or RESULT. */
      mayStream?: boolean;
      requestId: string;
      metadata: Readonly<Record<string, string>> | undefined;
      /** The unchanged query of the URL, without its "?". */
      query?: string | undefined;
      /** The media type of the input, as the caller states it. */
      contentType?: string | undefined;
      body: Uint8Array;
    }
  | {
      /** A CALL from a worker: a nested call, which a Handler makes of another function. */
      type: 'NESTED_CALL';
      id: number;
      /** 0: all that the parent has left. */
      timeoutMs: number;
      function: string;
      /** An alias or a revision; the active revision when it is missing. */
      alias: string | undefined;
      /** The number of the call that it is made for, which the worker runs. */
      parent: number;
      metadata: Readonly<Record<string, string>> | undefined;
      body: Uint8Array;
    }
  /** `kind`: @default bytes */
  | { type: 'RESULT'; id: number; kind?: ReplyKind; body: Uint8Array }
  | { type: 'ERROR'; id: number; code: ErrorCode; message: string; stack: string; reason: string | undefined }
  | { type: 'CANCEL'; id: number }
  | { type: 'DATA'; id: number; kind?: ReplyKind; body: Uint8Array }
  | { type: 'END'; id: number }
  | { type: 'CREDIT'; id: number; bytes: number }
  | { type: 'LOG'; id: number; level: LogLevel; time: number; text: string; open?: boolean }
  | { type: 'DRAIN' }
  | { type: 'STARTED'; id: number }
  | { type: 'RECALL'; id: number }
  | { type: 'RETURNED'; id: number }
  | { type: 'RETIRE'; why: string }
  /** Status and headers that the Handler chose for the answer, which follows. */
  | { type: 'REPLY_HEAD'; id: number; head: ReplyHead };

const typeNumbers = {
  INIT: 1,
  READY: 2,
  INIT_FAILED: 3,
  CALL: 4,
  RESULT: 5,
  ERROR: 6,
  CANCEL: 7,
  DATA: 8,
  END: 9,
  CREDIT: 10,
  LOG: 11,
  DRAIN: 12,
  STARTED: 13,
  RECALL: 14,
  RETURNED: 15,
  RETIRE: 16,
  REPLY_HEAD: 17,
} as const;

const moreFlag = 1;
const streamInFlag = 2;
const streamOutFlag = 4;
const announceFlag = 8;
const mayStreamFlag = 16;

/** How many bytes either side may send on a stream before the first CREDIT comes. */
export const initialCredit = 256 * 1024;
/** How many bytes of credit a DATA takes besides its body, so that the number of empty chunks is limited, too. */
export const chunkCost = 16;

const logLevels = new Set<unknown>(['debug', 'info', 'warn', 'error'] satisfies LogLevel[]);
const nothing = new Uint8Array(0);

function frame(type: keyof typeof typeNumbers, fields: Partial<Frame>): Frame {
  return { type: typeNumbers[type], flags: 0, id: 0, timeoutMs: 0, header: '', body: nothing, ...fields };
}

/** Makes the frame of a message. */
export function toFrame(message: Message): Frame {
  switch (message.type) {
    case 'INIT':
      return frame('INIT', { header: JSON.stringify(message.init) });
    case 'READY':
      return frame('READY', { header: JSON.stringify(message.ready) });
    case 'INIT_FAILED':
      return frame('INIT_FAILED', { header: JSON.stringify({ message: message.message, stack: message.stack }) });
    case 'CALL': {
      const { id, timeoutMs, more, announce, streamIn, streamOut, mayStream, requestId, metadata, query, contentType, body } = message;
      const flags =
        (more ? moreFlag : 0) |
        (streamIn ? streamInFlag : 0) |
        (streamOut ? streamOutFlag : 0) |
        (announce ? announceFlag : 0) |
        (mayStream ? mayStreamFlag : 0);
      // On the path of every call: no spread, no defaults.
      return { type: typeNumbers.CALL, flags, id, timeoutMs, header: JSON.stringify({ requestId, metadata, query, contentType }), body };
    }
    case 'NESTED_CALL': {
      const { id, timeoutMs, function: name, alias, parent, metadata, body } = message;
      return frame('CALL', { id, timeoutMs, header: JSON.stringify({ function: name, alias, parent, metadata }), body });
    }
    case 'DATA':
      return { type: typeNumbers.DATA, flags: flagsOfKind(message.kind), id: message.id, timeoutMs: 0, header: '', body: message.body };
    case 'CREDIT':
      return frame('CREDIT', { id: message.id, header: JSON.stringify({ bytes: message.bytes }) });
    case 'RESULT':
      return { type: typeNumbers.RESULT, flags: flagsOfKind(message.kind), id: message.id, timeoutMs: 0, header: '', body: message.body };
    case 'ERROR': {
      const { id, code, message: text, stack, reason } = message;
      return frame('ERROR', { id, header: JSON.stringify({ code, message: text, stack, reason }) });
    }
    case 'CANCEL':
    case 'END':
    case 'STARTED':
    case 'RECALL':
    case 'RETURNED':
      return frame(message.type, { id: message.id });
    case 'RETIRE':
      return frame('RETIRE', { header: JSON.stringify({ why: message.why }) });
    case 'REPLY_HEAD': {
      const { status, headers } = message.head;
      return frame('REPLY_HEAD', { id: message.id, header: JSON.stringify({ status, headers }) });
    }
    case 'LOG': {
      const { id, level, time, text, open } = message;
      return frame('LOG', { id, header: JSON.stringify({ level, time, open }), body: Buffer.from(text) });
    }
    case 'DRAIN':
      return frame('DRAIN', {});
    default:
      return message satisfies never;
  }
}

/** Whether a frame is a line of the function's log. */
export function isLog(frame: Frame): boolean {
  return frame.type === typeNumbers.LOG;
}

/** Reads the message of a frame. Throws a FrameError that says what is wrong when the frame breaks the protocol. */
export function fromFrame(frame: Frame): Message {
  switch (frame.type) {
    case typeNumbers.CALL:
      return readCall(frame);
    case typeNumbers.RESULT:
      return { type: 'RESULT', id: frame.id, kind: kindOfFlags(frame.flags), body: frame.body };
    case typeNumbers.ERROR: {
      const header = record(frame);
      const code = header['code'];
      if (!isErrorCode(code)) throw new FrameError(`ERROR: ${JSON.stringify(code)} is not the name of a gRPC status`);
      const reason = optionalText(header, 'reason');
      return { type: 'ERROR', id: frame.id, code, message: text(header, 'message'), stack: text(header, 'stack'), reason };
    }
    case typeNumbers.LOG: {
      const header = record(frame);
      const level = header['level'];
      if (!isLogLevel(level)) throw new FrameError(`LOG: ${JSON.stringify(level)} is not a log level`);
      const line = { id: frame.id, level, time: whole(header, 'time'), text: Buffer.from(frame.body).toString('utf8') };
      return header['open'] === true ? { type: 'LOG', ...line, open: true } : { type: 'LOG', ...line };
    }
    case typeNumbers.DATA:
      return { type: 'DATA', id: frame.id, kind: kindOfFlags(frame.flags), body: frame.body };
    case typeNumbers.END:
      return { type: 'END', id: frame.id };
    case typeNumbers.CREDIT:
      return { type: 'CREDIT', id: frame.id, bytes: whole(record(frame), 'bytes') };
    case typeNumbers.CANCEL:
      return { type: 'CANCEL', id: frame.id };
    case typeNumbers.DRAIN:
      return { type: 'DRAIN' };
    case typeNumbers.STARTED:
      return { type: 'STARTED', id: frame.id };
    case typeNumbers.RECALL:
      return { type: 'RECALL', id: frame.id };
    case typeNumbers.RETURNED:
      return { type: 'RETURNED', id: frame.id };
    case typeNumbers.RETIRE:
      return { type: 'RETIRE', why: text(record(frame), 'why') };
    case typeNumbers.REPLY_HEAD:
      return { type: 'REPLY_HEAD', id: frame.id, head: readReplyHead(record(frame)) };
    case typeNumbers.INIT:
      return { type: 'INIT', init: readInitHeader(frame) };
    case typeNumbers.READY: {
      const header = record(frame);
      const ready = { providers: strings(header, 'providers'), callBatch: header['callBatch'] === true, initMs: whole(header, 'initMs') };
      return { type: 'READY', ready };
    }
    case typeNumbers.INIT_FAILED: {
      const header = record(frame);
      return { type: 'INIT_FAILED', message: text(header, 'message'), stack: text(header, 'stack') };
    }
    default:
      throw new FrameError(`frame type ${frame.type} is not known`);
  }
}

function readCall(frame: Frame): Message {
  const header = record(frame);
  const { id, flags, timeoutMs, body } = frame;
  const metadata = header['metadata'] === undefined ? undefined : stringValues(header, 'metadata');
  if (header['function'] !== undefined) {
    const alias = optionalText(header, 'alias');
    return {
      type: 'NESTED_CALL',
      id,
      timeoutMs,
      function: text(header, 'function'),
      alias,
      parent: whole(header, 'parent'),
      metadata,
      body,
    };
  }
  return {
    type: 'CALL',
    id,
    timeoutMs,
    more: (flags & moreFlag) !== 0,
    announce: (flags & announceFlag) !== 0,
    streamIn: (flags & streamInFlag) !== 0,
    streamOut: (flags & streamOutFlag) !== 0,
    mayStream: (flags & mayStreamFlag) !== 0,
    requestId: text(header, 'requestId'),
    metadata,
    query: optionalText(header, 'query'),
    contentType: optionalText(header, 'contentType'),
    body,
  };
}

function isLogLevel(value: unknown): value is LogLevel {
  return logLevels.has(value);
}
