import { DcfError } from '../errors.js';
import { formatDuration } from '../units.js';
import { defaultPort } from './address.js';
import type { Failure } from './failure.js';
import type { OpenChannel } from './open-channel.js';
import { cancelled, type Limits } from './options.js';

/**
 * The error that the caller gets for a failed attempt.
 *
 * @param aftermath - what may have happened when the connection broke; the end of the message
 */
export function errorOfFailure(
  failure: Failure,
  channel: OpenChannel,
  { timeoutMs, signal }: Limits,
  aftermath = 'the call may have run, so it was not tried again',
): DcfError {
  const { shown } = channel.address;
  switch (failure.kind) {
    case 'unsent':
      return new DcfError('UNAVAILABLE', `no DCF daemon answers at ${shown}${unreachable(channel, failure.details)}`);
    case 'refused':
      return new DcfError('UNAVAILABLE', `the DCF daemon at ${shown} refused the call before it began`);
    case 'late':
      return failure.sent
        ? new DcfError('DEADLINE_EXCEEDED', `the DCF daemon at ${shown} gave no answer within the timeout of ${formatDuration(timeoutMs)}`)
        : new DcfError(
            'DEADLINE_EXCEEDED',
            `no DCF daemon answers at ${shown}${unreachable(channel, `no connection within ${formatDuration(timeoutMs)}`)}`,
          );
    case 'cancelled':
      return channel.closed.aborted && channel.closed.reason instanceof DcfError ? channel.closed.reason : cancelled(signal);
    case 'broken':
      return new DcfError('UNAVAILABLE', `the connection to the DCF daemon at ${shown} broke (${failure.details}): ${aftermath}`);
    case 'tooLarge':
      return new DcfError('RESOURCE_EXHAUSTED', "the output is larger than the client's maxPayload");
    case 'answered': {
      const { code, details, reason, pushback, report } = failure;
      const message = details === '' ? `the DCF daemon at ${shown} answered ${code} without a message` : details;
      return new DcfError(code, message, { reason, retryAfterMs: pushback === 'never' ? undefined : pushback, report });
    }
  }
}

const startOne = 'Start one with dcfd, or set DCF_URL';

/** What grpc-js and Node say about a connection that could not be made, and what people get to read. %s is the original text. */
const connectProblems: readonly [pattern: RegExp, problem: string, advice: string][] = [
  [/connect ENOENT/, 'there is no such socket', startOne],
  [/connect E(ACCES|PERM)/, 'this user may not connect to it', 'Run this as the user of the daemon, or let that one allow it'],
  [/ECONNREFUSED/, 'connection refused', startOne],
  [/^Name resolution failed/, 'the host name is not known', startOne],
  [/ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/, 'the host cannot be reached', startOne],
  [/alert certificate required/, 'it wants a certificate of its callers', 'Give yours in tls.cert and tls.key'],
  [/certificate|altnames/i, 'its certificate is not trusted (%s)', 'Name its authority in tls.ca, or the name it has in tls.servername'],
  [/^Failed to connect|Socket closed|ECONNRESET/, 'what listens there ended the connection', 'If it speaks TLS, write https://'],
  [
    /wrong version number|packet length too long/i,
    'what listens there does not speak TLS',
    'Leave out https:// and tls, or name another port',
  ],
  [/Protocol error/i, 'what listens there does not speak gRPC', `The gRPC port of a daemon is ${defaultPort} unless it was told otherwise`],
];

/** The end of the message "no DCF daemon answers at …": through which proxy, why, and what to do. */
function unreachable({ route }: OpenChannel, details: string): string {
  if (route.kind === 'direct') return `: ${connectProblem(details).join('. ')}`;
  const [problem] = connectProblem(details);
  // grpc-js 1.14.7 gives no reason when a proxy does not answer or refuses.
  const known = /undefined|^$/.test(problem) ? 'it cannot be reached, or refuses the connection' : problem;
  const advice = `Add ${route.host} to no_proxy to connect without the proxy, or correct ${route.variable}`;
  return ` through the proxy ${route.proxy}, which the variable ${route.variable} names: ${known}. ${advice}`;
}

/** Why no connection could be made, and what to do. */
function connectProblem(details: string): [problem: string, advice: string] {
  const [, lastError = details] = /Last error: (?:Error: )?(.*?)(?: \(\d{4}-[^)]*\))?\. Resolution note/s.exec(details) ?? [];
  const known = connectProblems.find(([pattern]) => pattern.test(lastError));
  if (known === undefined) return [lastError, startOne];
  const [, problem, advice] = known;
  return [problem.replace('%s', lastError), advice];
}
