import { constants } from 'node:http2';
import { ServerInterceptingCall, type ServerInterceptingCallInterface, type ServerInterceptor, status } from '@grpc/grpc-js';
import { DcfError } from '../../core/errors.js';
import { LinkedList, type ListNode } from '../../core/linked-list.js';
import type { ByteBudget } from '../byte-budget.js';
import { toStatus } from './grpc-method.js';
import { privateField } from './grpc-private.js';
import { streamPath } from './grpc-stream.js';

type Call = ServerInterceptingCallInterface;
type Listener = Parameters<Call['start']>[0];

const sweepMs = 250;

export interface BodyTimerOptions {
  /** How long a body may take to arrive, in milliseconds. */
  timeoutMs: number;
  /** The byte budget of all inputs. grpc-js reports a body once it is complete; until then the sweep counts what has arrived of it. */
  budget: ByteBudget;
}

/**
 * Drops calls whose body does not arrive in time, for which grpc-js would wait for ever, and calls whose body does not fit into the byte
 * budget. For a stream, the body is its first message, and every message that arrives for the budget. A sweep checks the calls that still
 * wait, as a timer for each would make every call slower.
 */
export function bodyTimer({ timeoutMs, budget }: BodyTimerOptions): { interceptor: ServerInterceptor; stop(): void } {
  const waiting = new LinkedList<WatchedCall>();
  const sweep = setInterval(() => {
    const now = Date.now();
    let held = budget.taken;
    let next: WatchedCall | undefined;
    for (let call = waiting.first; call !== undefined; call = next) {
      // A call that is dropped leaves the list, and its link with it.
      next = call.next;
      const bytes = call.received;
      if (now - call.since >= timeoutMs) {
        call.drop(new DcfError('DEADLINE_EXCEEDED', `the body of the request did not arrive within ${timeoutMs} ms (--body-timeout)`));
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
 * A call that is in the list from its start until its body has arrived. It passes messages and statuses on directly: the base class wraps
 * each in closures, which cost an echo some percent of its throughput.
 */
class WatchedCall extends ServerInterceptingCall implements ListNode<WatchedCall> {
  since = Date.now();
  previous: WatchedCall | undefined;
  next: WatchedCall | undefined;

  constructor(
    private readonly watched: Call,
    private readonly waiting: LinkedList<WatchedCall>,
    /** Whether more messages may follow the first one; these may take any time. */
    private readonly streamed: boolean,
  ) {
    super(watched);
    waiting.push(this);
  }

  /** Bytes of the body that have arrived. Only a private field of grpc-js has them; without the field (a test would fail) this is 0. */
  get received(): number {
    const decoder = privateField(this.watched, 'decoder');
    const [size, missing] = [privateField(decoder, 'readMessageSize'), privateField(decoder, 'readMessageRemaining')];
    return typeof size === 'number' && typeof missing === 'number' ? size - missing : 0;
  }

  /**
   * Reports the end of a streamed input, unless the client disconnected or gave the call up: an input that is cut off must not look
   * complete. For a reset, Node reports an end first, and onCancel follows. Only a private field of grpc-js tells the two apart (a test
   * would fail without it). A client in Node ends its stream before it resets it; this is recognised if both arrive together.
   */
  private endUnlessReset(listener: Listener): void {
    setImmediate(() => {
      if (privateField(privateField(this.watched, 'stream'), 'closed') !== true) listener.onReceiveHalfClose();
    });
  }

  /** Ends the call and closes its stream: as long as the client leaves that open, grpc-js keeps what has arrived of the body. */
  drop(error: DcfError): void {
    this.waiting.remove(this);
    const { code = status.INTERNAL, details = error.message, metadata = null } = toStatus(error);
    this.sendStatus({ code, details, metadata });
    const stream = privateField(this.watched, 'stream');
    const close = privateField(stream, 'close');
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
