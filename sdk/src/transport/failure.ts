import type { Metadata, StatusObject } from '@grpc/grpc-js';
import { type DaemonReport, decodeReport } from '../contract/report.js';
import { type ErrorCode, errorCodeOf, isErrorCode, statusCodes } from '../errors.js';
import { trailer } from './metadata.js';

/** An error that the daemon itself answered. */
export interface Answer {
  kind: 'answered';
  code: ErrorCode;
  details: string;
  reason: string | undefined;
  /** After how many milliseconds to try again; `never` when the daemon asks not to try again. */
  pushback: number | 'never' | undefined;
  /** Whether the daemon guarantees that the call was not started. */
  notStarted: boolean;
  report: DaemonReport | undefined;
}

/** Why one attempt failed. Whether another attempt is allowed depends on how far this one came. */
export type Failure =
  /** No connection could be made, so nothing was sent. */
  | { kind: 'unsent'; details: string }
  /** REFUSED_STREAM of HTTP/2, also for streams that a GOAWAY cut off: certainly not processed (RFC 9113, section 8.7). */
  | { kind: 'refused' }
  /** The deadline passed. `sent`: whether the request had been sent. */
  | { kind: 'late'; sent: boolean }
  /** The caller gave up, or closed the client. */
  | { kind: 'cancelled' }
  /** The connection broke after the request had been sent: the call may have run. */
  | { kind: 'broken'; details: string }
  /** The answer is larger than this client accepts. */
  | { kind: 'tooLarge' }
  | Answer;

/** What is known of an attempt besides its status. */
export interface AttemptFacts {
  /** Whether an HTTP/2 stream was opened for the attempt. */
  sent: boolean;
  /** Whether the headers of an answer arrived. */
  answerBegun: boolean;
}

/** The details that grpc-js 1.14.7 makes when a stream ends without the server's own status (subchannel-call.js). */
const brokenDetails =
  /^(Connection dropped|Call cancelled|Stream refused by server|Received RST_STREAM with code|Write (error|failed)|(read|write) E)/;

/**
 * Finds out from its status why an attempt failed. The code alone is not enough: grpc-js uses UNAVAILABLE for a connection that could not be
 * made, and also for one that broke long after the request had been sent.
 */
export function classifyFailure(status: StatusObject, { sent, answerBegun }: AttemptFacts): Failure {
  const { code, details, metadata } = status;
  if (!sent) {
    if (code === statusCodes.DEADLINE_EXCEEDED) return { kind: 'late', sent };
    return code === statusCodes.CANCELLED ? { kind: 'cancelled' } : { kind: 'unsent', details };
  }
  // Client and daemon both watch the deadline, so this status may come from either.
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
  // The status is OK if only the reply is missing.
  if (code === statusCodes.OK) return answer('INTERNAL', 'the daemon sent no reply', metadata);
  return answer(errorCodeOf(code), details, metadata);
}

/** The failure of a stream after its first chunk, which the daemon sends in trailers (`dcf-late-status`); `undefined` if it did not fail. */
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

/** Reads a push-back, https://github.com/grpc/proposal/blob/master/A6-client-retries.md#pushback: anything but a number means `never`. */
function readPushback(value: string | undefined): Answer['pushback'] {
  if (value === undefined) return undefined;
  return /^\d{1,9}$/.test(value) ? Number(value) : 'never';
}
