import { statusCodes } from '../errors.js';
import type { Call, Channel } from './channel.js';
import { classifyFailure, type Failure } from './failure.js';

/** Resolves when a stream has ended: with why it failed, or with nothing. It is cancelled when `signal` aborts. */
export function streamEnd(channel: Channel, stream: Call, signal: AbortSignal | undefined): Promise<Failure | undefined> {
  return new Promise((resolve) => {
    channel.follow(stream, signal, (status, facts) => {
      resolve(status.code === statusCodes.OK ? undefined : classifyFailure(status, facts));
    });
  });
}
