import { DcfError } from '../errors.js';
import { formatDuration } from '../units.js';
import type { Channel } from './channel.js';
import type { Failure } from './failure.js';
import { cancelled, type Limits } from './options.js';

/**
 * What a failed attempt is to the caller.
 *
 * @param aftermath - what may be the case after a connection that broke
 */
export function errorOfFailure(
  failure: Failure,
  channel: Channel,
  { timeoutMs, signal }: Limits,
  aftermath = 'the call may have run, so it was not tried again',
): DcfError {
  const { shown } = channel.address;
  switch (failure.kind) {
    case 'unsent':
      return new DcfError('UNAVAILABLE', `no DCF daemon answers at ${shown}: ${connectProblem(failure.details)}. ${startOne}`);
    case 'refused':
      return new DcfError('UNAVAILABLE', `the DCF daemon at ${shown} took no more calls on its connection: the call was not started`);
    case 'late':
      return failure.sent
        ? new DcfError('DEADLINE_EXCEEDED', `the DCF daemon at ${shown} gave no answer within the timeout of ${formatDuration(timeoutMs)}`)
        : new DcfError(
            'DEADLINE_EXCEEDED',
            `no DCF daemon answers at ${shown}: no connection within ${formatDuration(timeoutMs)}. ${startOne}`,
          );
    case 'cancelled':
      return channel.closed.aborted && channel.closed.reason instanceof DcfError ? channel.closed.reason : cancelled(signal);
    case 'broken':
      return new DcfError('UNAVAILABLE', `the connection to the DCF daemon at ${shown} broke (${failure.details}): ${aftermath}`);
    case 'tooLarge':
      return new DcfError('RESOURCE_EXHAUSTED', "the output is larger than the client's maxPayload");
    case 'answered': {
      const { code, details, reason, pushback } = failure;
      const message = details === '' ? `the DCF daemon at ${shown} answered ${code} and said no more` : details;
      return new DcfError(code, message, { reason, retryAfterMs: pushback === 'never' ? undefined : pushback });
    }
  }
}

const startOne = 'Start one with dcfd, or set DCF_URL';

/** Why no connection could be made, for people. */
function connectProblem(details: string): string {
  const [, lastError = details] = /Last error: (?:Error: )?(.*?)(?: \(\d{4}-[^)]*\))?\. Resolution note/s.exec(details) ?? [];
  if (lastError.includes('ECONNREFUSED')) return 'connection refused';
  if (lastError.startsWith('Name resolution failed')) return 'the host name is not known';
  if (/ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/.test(lastError)) return 'the host cannot be reached';
  if (/certificate|altnames/i.test(lastError)) return `its certificate is not trusted (${lastError}); tls.ca names its authority`;
  if (/wrong version number|packet length too long/i.test(lastError)) return 'what listens there does not speak TLS';
  if (/Protocol error/i.test(lastError)) return 'what listens there does not speak gRPC';
  return lastError;
}
