import type { Metadata } from '@grpc/grpc-js';
import { statusCodes } from '../../errors.js';
import { ConnectTimer } from '../connect-timer.js';
import { classifyFailure } from '../failure.js';
import type { Headers } from '../metadata.js';
import type { OpenChannel } from '../open-channel.js';
import type { Limits } from '../options.js';
import { type Attempt, retrying, retryNotStarted } from '../retry.js';

/** A method of one request and one reply, with its codecs. The method definitions of grpc-js have this form. */
export interface UnaryMethod<Request, Reply> {
  path: string;
  requestSerialize: (request: Request) => Buffer;
  responseDeserialize: (message: Buffer) => Reply;
}

/** One call of a method. */
export interface UnaryCall<Request, Reply> {
  method: UnaryMethod<Request, Reply>;
  request: Request;
  headers: Headers;
}

/** A reply and its trailers. */
export interface Received<Reply> {
  message: Reply;
  trailers: Metadata;
}

/** Calls a method, and tries again what was certainly not started. @throws DcfError, whatever goes wrong */
export async function callUnary<Request, Reply>(
  channel: OpenChannel,
  call: UnaryCall<Request, Reply>,
  limits: Limits,
): Promise<{ reply: Received<Reply>; attempts: number }> {
  return await retrying(channel, limits, retryNotStarted, () => attemptUnary(channel, call, limits));
}

/** Calls a method once. */
export function attemptUnary<Request, Reply>(
  channel: OpenChannel,
  { method, request, headers }: UnaryCall<Request, Reply>,
  { deadline, signal }: Limits,
): Promise<Attempt<Received<Reply>>> {
  if (channel.closed.aborted) return Promise.resolve({ ok: false, failure: { kind: 'cancelled' } });
  return new Promise((resolve) => {
    const { path, requestSerialize, responseDeserialize } = method;
    let message: Reply | undefined;
    const keepReply = (_error: unknown, reply?: Reply): void => {
      message = reply;
    };
    const metadata = channel.metadata(headers);
    const call = channel.client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, { deadline }, keepReply);
    const connecting = new ConnectTimer(channel, () => call.cancel());
    channel.follow(call, signal, (status, facts) => {
      connecting.stop();
      if (status.code === statusCodes.OK && message !== undefined) resolve({ ok: true, reply: { message, trailers: status.metadata } });
      else resolve({ ok: false, failure: connecting.failure(facts) ?? classifyFailure(status, facts) });
    });
  });
}
