import { constants } from 'node:http2';
import { ServerInterceptingCall, type ServerInterceptingCallInterface, type ServerInterceptor, status } from '@grpc/grpc-js';
import { DcfError } from '../../core/errors.js';
import { LinkedList, type ListNode } from '../../core/linked-list.js';
import type { ByteBudget } from '../byte-budget.js';
import { toStatus } from './grpc-method.js';
import { streamPath } from './grpc-stream.js';

type Call = ServerInterceptingCallInterface;
type Listener = Parameters<Call['start']>[0];

const sweepMs = 250;

export interface BodyTimerOptions {
  /** How long a body may take. */
  timeoutMs: number;
  /** What all inputs may take together. grpc-js tells of a body when it is whole; until then the sweep counts what has come. */
  budget: ByteBudget;
}

/**
 * Drops calls of one request whose body does not come, for which grpc-js waits for ever, and those whose bodies find no room; of
 * streams, those whose first message does not come, and those with a message that finds no room while it comes. A sweep looks at
 * the calls that still wait; a timer for each call would cost every call.
 */
export function bodyTimer({ timeoutMs, budget }: BodyTimerOptions): { interceptor: ServerInterceptor; stop(): void } {
  const waiting = new LinkedList<WatchedCall>();
  const sweep = setInterval(() => {
    const now = Date.now();
    let held = budget.taken;
    let next: WatchedCall | undefined;
    for (let call = waiting.first; call !== undefined; call = next) {
      // A call that is dropped has left the list.
      next = call.next;
      const bytes = call.received;
      if (now - call.since >= timeoutMs) {
        call.drop(new DcfError('DEADLINE_EXCEEDED', `the request's body did not come within ${timeoutMs} ms`));
      } else if (held > 0 && bytes > 0 && held + bytes > budget.limit) {
        call.drop(budget.refusal(held));
      } else {
        held += bytes;
      }
    }
  }, sweepMs);
  sweep.unref();
  const interceptor: ServerInterceptor = (method, call) =>
    method.requestStream && method.path !== streamPath
      ? new ServerInterceptingCall(call)
      : new WatchedCall(call, waiting, method.requestStream);
  return { interceptor, stop: () => clearInterval(sweep) };
}

/**
 * A call that is in a set from its start until its body is there. What it hands on it hands on directly: the base class
 * wraps each message and status in closures, which cost an echo some percent.
 */
class WatchedCall extends ServerInterceptingCall implements ListNode<WatchedCall> {
  since = Date.now();
  previous: WatchedCall | undefined;
  next: WatchedCall | undefined;

  constructor(
    private readonly watched: Call,
    private readonly waiting: LinkedList<WatchedCall>,
    /** More messages may follow the first one, and have any time. */
    private readonly streamed: boolean,
  ) {
    super(watched);
    waiting.push(this);
  }

  /**
   * Bytes of the body that are there. Only a private field of grpc-js tells; without it, which a test would notice, it is 0.
   */
  get received(): number {
    const decoder = propertyOf(this.watched, 'decoder');
    const [size, missing] = [propertyOf(decoder, 'readMessageSize'), propertyOf(decoder, 'readMessageRemaining')];
    return typeof size === 'number' && typeof missing === 'number' ? size - missing : 0;
  }

  /**
   * Tells of the end of a streamed input, unless the client is gone or has given the call up: an input that is cut off must not look
   * whole. Node tells of a reset as of an end first; onCancel follows. Only a private field of grpc-js says which it is, which a
   * test would notice. A client in Node ends its stream before it resets it: that is seen where both come in one piece.
   */
  private endUnlessReset(listener: Listener): void {
    setImmediate(() => {
      if (propertyOf(propertyOf(this.watched, 'stream'), 'closed') !== true) listener.onReceiveHalfClose();
    });
  }

  /** Ends the call, and its stream: grpc-js holds what has come of the body for as long as the client leaves that open. */
  drop(error: DcfError): void {
    this.waiting.remove(this);
    const { code = status.INTERNAL, details = error.message, metadata = null } = toStatus(error);
    this.sendStatus({ code, details, metadata });
    const stream = propertyOf(this.watched, 'stream');
    const close = propertyOf(stream, 'close');
    if (typeof close === 'function') close.call(stream, constants.NGHTTP2_NO_ERROR);
  }

  override start(listener: Listener): void {
    this.watched.start({
      onReceiveMetadata: (metadata) => listener.onReceiveMetadata(metadata),
      onReceiveMessage: (message) => {
        if (this.streamed) this.since = Number.POSITIVE_INFINITY;
        listener.onReceiveMessage(message);
      },
      onReceiveHalfClose: () => {
        this.waiting.remove(this);
        if (this.streamed) this.endUnlessReset(listener);
        else listener.onReceiveHalfClose();
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

function propertyOf(owner: unknown, name: string): unknown {
  return typeof owner === 'object' && owner !== null ? Reflect.get(owner, name) : undefined;
}
