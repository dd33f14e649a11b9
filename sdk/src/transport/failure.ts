import type { Metadata, StatusObject } from '@grpc/grpc-js';
import { type DaemonReport, decodeReport } from '../contract/report.js';
import { type ErrorCode, errorCodeOf, isErrorCode, statusCodes } from '../errors.js';
import { trailer } from './metadata.js';

/** What the daemon itself said. */
export interface Answer {
  kind: 'answered';
  code: ErrorCode;
  details: string;
  reason: string | undefined;
  /** After how many milliseconds to come back; `never` when the daemon asks not to. */
  pushback: number | 'never' | undefined;
  /** The daemon gives its word that the call was not started. */
  notStarted: boolean;
  report: DaemonReport | undefined;
}

/** Why one attempt failed. How far it came decides whether there may be another. */
export type Failure =
  /** No connection could be made, so nothing was sent. */
  | { kind: 'unsent'; details: string }
  /** HTTP/2's REFUSED_STREAM, also for what a GOAWAY cut off: certainly not processed (RFC 9113, section 8.7). */
  | { kind: 'refused' }
  /** The deadline passed; `sent` when the request was on its way. */
  | { kind: 'late'; sent: boolean }
  /** The caller gave up, or closed the client. */
  | { kind: 'cancelled' }
  /** The connection broke after the request was on its way: it may have run. */
  | { kind: 'broken'; details: string }
  /** The answer came, but is larger than this client takes. */
  | { kind: 'tooLarge' }
  | Answer;

/** What is known of an attempt besides its status. */
export interface AttemptFacts {
  /** Whether an HTTP/2 stream was opened for it. */
  sent: boolean;
  /** Whether headers of an answer came. */
  answerBegun: boolean;
}

/** What grpc-js 1.14.7 makes up when a stream ends without the server's own status (subchannel-call.js). */
const brokenDetails =
  /^(Connection dropped|Call cancelled|Stream refused by server|Received RST_STREAM with code|Write (error|failed)|(read|write) E)/;

/**
 * Sorts the status of a failed attempt. grpc-js says UNAVAILABLE of a connection that could not be made as well as of one
 * that dropped when the request had long been sent, so the code alone tells nothing.
 */
export function classifyFailure(status: StatusObject, { sent, answerBegun }: AttemptFacts): Failure {
  const { code, details, metadata } = status;
  if (!sent) {
    if (code === statusCodes.DEADLINE_EXCEEDED) return { kind: 'late', sent };
    return code === statusCodes.CANCELLED ? { kind: 'cancelled' } : { kind: 'unsent', details };
  }
  // Both sides count: the daemon's own word for it comes as often as not.
  if (code === statusCodes.DEADLINE_EXCEEDED && /^Deadline exceeded( after|$)/.test(details)) return { kind: 'late', sent };
  // Headers with the status prove that the server sent it. Without them it may also be the end of a stream that had begun.
  if (Object.keys(metadata.getMap()).length === 0) {
    if (code === statusCodes.CANCELLED && details === 'Cancelled on client') return { kind: 'cancelled' };
    if (code === statusCodes.RESOURCE_EXHAUSTED && details.startsWith('Received message larger than max')) return { kind: 'tooLarge' };
    if (details === 'Stream refused by server' && !answerBegun) return { kind: 'refused' };
    if (brokenDetails.test(details)) return { kind: 'broken', details };
  }
  return readAnswer(status);
}

function readAnswer({ code, details, metadata }: StatusObject): Answer {
  // OK is here when the reply itself is missing.
  if (code === statusCodes.OK) return answer('INTERNAL', 'the daemon sent no reply', metadata);
  return answer(errorCodeOf(code), details, metadata);
}

/** How a stream failed after chunks, which the daemon tells in trailers (`dcf-late-status`); `undefined` when it did not. */
export function readLateFailure(metadata: Metadata): Answer | undefined {
  const code = trailer(metadata, 'dcf-status');
  if (code === undefined) return undefined;
  return answer(isErrorCode(code) ? code : 'UNKNOWN', decodeText(trailer(metadata, 'dcf-details') ?? ''), metadata);
}

function decodeText(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function answer(code: ErrorCode, details: string, metadata: Metadata): Answer {
  return {
    kind: 'answered',
    code,
    details,
    reason: trailer(metadata, 'dcf-reason'),
    pushback: readPushback(trailer(metadata, 'grpc-retry-pushback-ms')),
    notStarted: trailer(metadata, 'dcf-not-started') === '1',
    report: decodeReport(trailer(metadata, 'dcf-report') ?? ''),
  };
}

/** As https://github.com/grpc/proposal/blob/master/A6-client-retries.md#pushback: anything but a number from 0 is a no. */
function readPushback(value: string | undefined): Answer['pushback'] {
  if (value === undefined) return undefined;
  return /^\d{1,9}$/.test(value) ? Number(value) : 'never';
}
