import { statusCodes } from '../errors.js';
import { classifyFailure, type Failure } from './failure.js';
import type { Call, OpenChannel } from './open-channel.js';

/** Resolves when a stream has ended: with why it failed, or with nothing. It is cancelled when `signal` aborts. */
export function streamEnd(channel: OpenChannel, stream: Call, signal: AbortSignal | undefined): Promise<Failure | undefined> {
  return new Promise((resolve) => {
    channel.follow(stream, signal, (status, facts) => {
      resolve(status.code === statusCodes.OK ? undefined : classifyFailure(status, facts));
    });
  });
}
