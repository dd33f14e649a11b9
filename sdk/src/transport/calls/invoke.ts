import { decodeInvokeReply, encodeInvokeRequest } from '../../contract/envelope.js';
import { type DaemonReport, parseReport } from '../../contract/report.js';
import { DcfError, messageOf } from '../../errors.js';
import { callHeaders, type HeaderOptions, trailer } from '../metadata.js';
import type { OpenChannel } from '../open-channel.js';
import { type Limits, tooLarge } from '../options.js';
import { callUnary, type UnaryMethod } from './unary.js';

/** One call of a function. */
export interface Invocation {
  service: string;
  /** A string is sent as UTF-8. */
  bytes: Uint8Array | string;
  headers: HeaderOptions;
  /** Most bytes of the input, and of the output; `undefined` for no limit. */
  maxPayload: number | undefined;
}

/** The result of a call. */
export interface Invoked {
  output: Uint8Array;
  /** The daemon's report: all of it, only the call's id, or nothing. */
  daemonReport: Partial<DaemonReport>;
  attempts: number;
}

const identity = (message: Buffer): Buffer => message;
/** The codecs change nothing, as the envelope is written by hand (contract/envelope.ts): so a payload is copied only once. */
const method: UnaryMethod<Buffer, Buffer> = { path: '/dcf.v1.Functions/Invoke', requestSerialize: identity, responseDeserialize: identity };

/** Calls a function. @throws DcfError, whatever goes wrong */
export async function invoke(channel: OpenChannel, { service, bytes, headers, maxPayload }: Invocation, limits: Limits): Promise<Invoked> {
  const request = encodeInvokeRequest({ function: service, input: readInput(bytes, maxPayload) });
  const { reply, attempts } = await callUnary(channel, { method, request, headers: callHeaders(headers) }, limits);
  return {
    output: readOutput(reply.message, maxPayload),
    daemonReport: headers.report === true ? parseReport((key) => trailer(reply.trailers, key)) : {},
    attempts,
  };
}

/** The bytes of an input. @throws DcfError INVALID_ARGUMENT for another type; RESOURCE_EXHAUSTED when it is over the limit */
export function readInput(bytes: Uint8Array | string, limit = Number.POSITIVE_INFINITY): Uint8Array {
  const input = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
  if (!(input instanceof Uint8Array)) throw new DcfError('INVALID_ARGUMENT', 'the input must be a Uint8Array or a string');
  if (input.length > limit) throw tooLarge('input', input.length, limit);
  return input;
}

function readOutput(message: Buffer, limit = Number.POSITIVE_INFINITY): Uint8Array {
  let output: Buffer;
  try {
    output = decodeInvokeReply(message);
  } catch (error) {
    throw new DcfError('INTERNAL', `the daemon's reply cannot be read: ${messageOf(error)}`, { cause: error });
  }
  if (output.length > limit) throw tooLarge('output', output.length, limit);
  return output;
}
