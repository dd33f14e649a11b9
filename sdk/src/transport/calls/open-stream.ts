import type { ClientDuplexStream, Metadata } from '@grpc/grpc-js';
import { statusCodes } from '../../errors.js';
import { ConnectTimer } from '../connect-timer.js';
import { classifyFailure, type Failure, readLateFailure } from '../failure.js';
import type { Headers } from '../metadata.js';
import type { OpenChannel } from '../open-channel.js';
import type { Limits } from '../options.js';
import type { Attempt } from '../retry.js';

/** How a stream ended. */
export interface StreamEnd {
  failure: Failure | undefined;
  trailers: Metadata;
}

/** A stream that the daemon has accepted. */
export interface OpenStream {
  call: ClientDuplexStream<Buffer, Buffer>;
  /** Resolves when the stream has ended; never rejects. */
  ended: Promise<StreamEnd>;
}

const path = '/dcf.v1.Functions/Stream';
const identity = (message: Buffer): Buffer => message;

/**
 * Opens a stream with its first message. Resolves once the daemon has accepted it, or with the reason why it did not: no call has been
 * started then, and no chunk was read from the input.
 *
 * @param whole - whether the first message has the whole input
 */
export function openStream(
  channel: OpenChannel,
  first: Buffer,
  whole: boolean,
  headers: Headers,
  limits: Limits,
): Promise<Attempt<OpenStream>> {
  if (channel.closed.aborted) return Promise.resolve({ ok: false, failure: { kind: 'cancelled' } });
  return new Promise((resolve) => {
    const call: OpenStream['call'] = channel.client.makeBidiStreamRequest(path, identity, identity, channel.metadata(headers));
    // The status has everything about the error; without a listener the event would be an uncaught exception.
    call.on('error', () => undefined);
    let late = false;
    const cancelLate = (): void => {
      late = true;
      call.cancel();
    };
    const timer = setTimeout(cancelLate, Math.max(0, limits.deadline - Date.now()));
    const connecting = new ConnectTimer(channel, () => call.cancel());
    const stopTimers = (): void => {
      clearTimeout(timer);
      connecting.stop();
    };
    const ended = new Promise<StreamEnd>((end) => {
      channel.follow(call, limits.signal, (status, facts) => {
        stopTimers();
        const known: Failure | undefined = late ? { kind: 'late', sent: facts.sent } : connecting.failure(facts);
        const ok = status.code === statusCodes.OK;
        const failure = ok ? readLateFailure(status.metadata) : (known ?? classifyFailure(status, facts));
        end({ failure, trailers: status.metadata });
        resolve(failure === undefined ? { ok: true, reply: { call, ended } } : { ok: false, failure });
      });
    });
    call.once('metadata', () => {
      stopTimers();
      resolve({ ok: true, reply: { call, ended } });
    });
    call.write(first);
    if (whole) call.end();
  });
}
