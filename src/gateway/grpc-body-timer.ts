import { ServerInterceptingCall, type ServerInterceptingCallInterface, type ServerInterceptor, status } from '@grpc/grpc-js';

interface Waiting {
  since: number;
  call: ServerInterceptingCallInterface;
}

const sweepMs = 1_000;

/**
 * Drops calls of one request whose body does not come: grpc-js waits for it for ever. One sweep a second looks at those
 * that still wait; a timer for each call would cost every call.
 *
 * @param timeoutMs - how long a body may take
 */
export function bodyTimer(timeoutMs: number): { interceptor: ServerInterceptor; stop(): void } {
  const waiting = new Set<Waiting>();
  const sweep = setInterval(() => {
    const now = Date.now();
    for (const entry of waiting) {
      if (now - entry.since < timeoutMs) break;
      waiting.delete(entry);
      entry.call.sendStatus({ code: status.DEADLINE_EXCEEDED, details: `the request's body did not come within ${timeoutMs} ms` });
    }
  }, sweepMs);
  sweep.unref();
  const interceptor: ServerInterceptor = (method, call) => {
    if (method.requestStream) return new ServerInterceptingCall(call);
    const entry: Waiting = { since: Date.now(), call };
    waiting.add(entry);
    const onReceiveHalfClose = (next: () => void): void => {
      waiting.delete(entry);
      next();
    };
    const onCancel = (): void => {
      waiting.delete(entry);
    };
    return new ServerInterceptingCall(call, { start: (next) => next({ onReceiveHalfClose, onCancel }) });
  };
  return { interceptor, stop: () => clearInterval(sweep) };
}
