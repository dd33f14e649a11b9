import type { Failure } from '../failure.js';
import type { OpenChannel } from '../open-channel.js';
import type { Limits } from '../options.js';
import { type Attempt, backoff, type RetryPolicy, retrying, retryNotStarted } from '../retry.js';
import { attemptUnary, type Received, type UnaryMethod } from './unary.js';

/**
 * The method `Check` of the standard health service, https://grpc.io/docs/guides/health-checking/. An empty request asks about the whole
 * server. The reply is { 1 status: enum }, where SERVING is 1.
 */
const method: UnaryMethod<Buffer, boolean> = {
  path: '/grpc.health.v1.Health/Check',
  requestSerialize: (request) => request,
  responseDeserialize: (message) => message[0] === 0x08 && message[1] === 1,
};

type Checked = Attempt<Received<boolean>>;

/** Tries again also after a connection that broke, as a check changes nothing. */
const retryCheck: RetryPolicy = (failure, attempts, elapsedMs, limits) =>
  failure.kind === 'broken' ? backoff(attempts) : retryNotStarted(failure, attempts, elapsedMs, limits);

/**
 * Waits until the daemon takes calls. A server without a health service counts as ready.
 *
 * @throws DcfError UNAVAILABLE or DEADLINE_EXCEEDED when it takes none in time; CANCELLED when the signal aborts
 */
export async function waitUntilReady(channel: OpenChannel, limits: Limits): Promise<void> {
  await check(channel, { ...limits, waitForReady: true }, (checked) => {
    if (checked.ok) return checked.reply.message ? undefined : notReady(channel);
    return checked.failure.kind === 'answered' && checked.failure.code === 'UNIMPLEMENTED' ? undefined : checked.failure;
  });
}

/**
 * Makes sure that a daemon answers, ready or not. It is called before a stream, so that a missing daemon and a broken stream give different
 * errors.
 *
 * @throws DcfError as a call does
 */
export async function reachDaemon(channel: OpenChannel, limits: Limits): Promise<void> {
  await check(channel, limits, (checked) => (checked.ok || checked.failure.kind === 'answered' ? undefined : checked.failure));
}

async function check(channel: OpenChannel, limits: Limits, problemOf: (checked: Checked) => Failure | undefined): Promise<void> {
  await retrying(channel, limits, retryCheck, async (): Promise<Attempt<true>> => {
    const failure = problemOf(await attemptUnary(channel, { method, request: Buffer.alloc(0), headers: [] }, limits));
    if (failure === undefined) return { ok: true, reply: true };
    // The message for a late check is always that no daemon answers, whether its request had been sent or not.
    return { ok: false, failure: failure.kind === 'late' ? { kind: 'late', sent: false } : failure };
  });
}

function notReady({ address }: OpenChannel): Failure {
  const details = `the DCF daemon at ${address.shown} answers, but takes no calls yet`;
  return { kind: 'answered', code: 'UNAVAILABLE', details, reason: undefined, pushback: undefined, notStarted: true, report: undefined };
}
