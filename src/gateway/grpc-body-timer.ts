import { ServerInterceptingCall, type ServerInterceptingCallInterface, type ServerInterceptor, status } from '@grpc/grpc-js';
import { LinkedList, type ListNode } from '../core/linked-list.js';

type Call = ServerInterceptingCallInterface;
type Listener = Parameters<Call['start']>[0];

const sweepMs = 1_000;

/**
 * Drops calls of one request whose body does not come: grpc-js waits for it for ever. One sweep a second looks at those
 * that still wait; a timer for each call would cost every call.
 *
 * @param timeoutMs - how long a body may take
 */
export function bodyTimer(timeoutMs: number): { interceptor: ServerInterceptor; stop(): void } {
  const waiting = new LinkedList<WatchedCall>();
  const sweep = setInterval(() => {
    const now = Date.now();
    for (let call = waiting.first; call !== undefined && now - call.since >= timeoutMs; call = waiting.first) {
      waiting.remove(call);
      call.sendStatus({ code: status.DEADLINE_EXCEEDED, details: `the request's body did not come within ${timeoutMs} ms` });
    }
  }, sweepMs);
  sweep.unref();
  const interceptor: ServerInterceptor = (method, call) =>
    method.requestStream ? new ServerInterceptingCall(call) : new WatchedCall(call, waiting);
  return { interceptor, stop: () => clearInterval(sweep) };
}

/**
 * A call that is in a set from its start until its body is there. What it hands on it hands on directly: the base class
 * wraps each message and status in closures, which cost an echo some percent.
 */
class WatchedCall extends ServerInterceptingCall implements ListNode<WatchedCall> {
  readonly since = Date.now();
  previous: WatchedCall | undefined;
  next: WatchedCall | undefined;

  constructor(
    private readonly watched: Call,
    private readonly waiting: LinkedList<WatchedCall>,
  ) {
    super(watched);
    waiting.push(this);
  }

  override start(listener: Listener): void {
    this.watched.start({
      onReceiveMetadata: (metadata) => listener.onReceiveMetadata(metadata),
      onReceiveMessage: (message) => listener.onReceiveMessage(message),
      onReceiveHalfClose: () => {
        this.waiting.remove(this);
        listener.onReceiveHalfClose();
      },
      onCancel: () => {
        this.waiting.remove(this);
        listener.onCancel();
      },
    });
  }

  override sendMetadata(metadata: Parameters<Call['sendMetadata']>[0]): void {
    this.watched.sendMetadata(metadata);
  }

  override sendMessage(message: Parameters<Call['sendMessage']>[0], callback: () => void): void {
    this.watched.sendMessage(message, callback);
  }

  override sendStatus(ended: Parameters<Call['sendStatus']>[0]): void {
    this.watched.sendStatus(ended);
  }
}
