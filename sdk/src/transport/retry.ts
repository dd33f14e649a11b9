import type { Failure } from './failure.js';
import { errorOfFailure } from './failure-error.js';
import type { OpenChannel } from './open-channel.js';
import { cancelled, type Limits } from './options.js';

/** How one attempt ended. */
export type Attempt<Reply> = { ok: true; reply: Reply } | { ok: false; failure: Failure };

/** Decides how long to wait before another attempt, in milliseconds; `undefined` if there must not be another one. */
export type RetryPolicy = (failure: Failure, attempts: number, elapsedMs: number, limits: Limits) => number | undefined;

/** How long to try to connect: long enough for a daemon that is being restarted, short enough to report soon that there is none. */
const connectGraceMs = 2_000;
const initialDelayMs = 50;
const maximumDelayMs = 2_000;

/** Exponential back-off in milliseconds, with a jitter of 20% as in https://github.com/grpc/proposal/blob/master/A6-client-retries.md. */
export function backoff(attempts: number): number {
  return Math.min(initialDelayMs * 2 ** (attempts - 1), maximumDelayMs) * (0.8 + 0.4 * Math.random());
}

/** Tries again only what was certainly not started: it was not sent, it was refused, or the daemon guarantees it. */
export const retryNotStarted: RetryPolicy = (failure, attempts, elapsedMs, { waitForReady }) => {
  switch (failure.kind) {
    case 'unsent': {
      const delay = backoff(attempts);
      return waitForReady || elapsedMs + delay < connectGraceMs ? delay : undefined;
    }
    case 'refused':
      return backoff(attempts);
    case 'answered': {
      const { code, pushback, notStarted } = failure;
      if (pushback === 'never') return undefined;
      // The error for a full queue has a push-back; errors for other limits, such as that of the payload, have none.
      if (code === 'RESOURCE_EXHAUSTED') return pushback === undefined ? undefined : spread(pushback);
      if (code !== 'UNAVAILABLE' || !notStarted) return undefined;
      return pushback === undefined ? backoff(attempts) : spread(pushback);
    }
    default:
      return undefined;
  }
};

/** Adds up to 20%, so that clients that were refused together do not try again together. */
function spread(pushbackMs: number): number {
  return pushbackMs * (1 + 0.2 * Math.random());
}

/**
 * Tries until an attempt succeeds, the policy allows no further one, or the next one would be after the deadline.
 *
 * @throws DcfError of the last attempt that says why; CANCELLED when the signal aborts or the channel is closed
 */
export async function retrying<Reply>(
  channel: OpenChannel,
  limits: Limits,
  policy: RetryPolicy,
  tryOnce: () => Promise<Attempt<Reply>>,
): Promise<{ reply: Reply; attempts: number }> {
  const begun = performance.now();
  let earlier: Failure | undefined;
  for (let attempts = 1; ; attempts++) {
    const attempt = await tryOnce();
    if (attempt.ok) return { reply: attempt.reply, attempts };
    const { failure } = attempt;
    // The failure of the attempt before says more than that there was no time left for this one.
    const told = failure.kind === 'late' && !failure.sent ? (earlier ?? failure) : failure;
    const delay = policy(failure, attempts, performance.now() - begun, limits);
    if (delay === undefined || Date.now() + delay >= limits.deadline) throw errorOfFailure(told, channel, limits);
    earlier = told;
    await pause(delay, channel, limits.signal);
  }
}

/** Waits, unless the channel is closed or the signal aborts. Not with `AbortSignal.any`: in Node 20 each use stays in a set of its signals. */
async function pause(delayMs: number, { closed }: OpenChannel, signal: AbortSignal | undefined): Promise<void> {
  const signals = signal === undefined ? [closed] : [closed, signal];
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      for (const each of signals) each.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, delayMs);
    for (const each of signals) each.addEventListener('abort', end);
    if (signals.some(({ aborted }) => aborted)) end();
  });
  closed.throwIfAborted();
  if (signal?.aborted === true) throw cancelled(signal);
}
