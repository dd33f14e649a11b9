import { checkFields } from '@dcf/sdk/contract';
import {
  type handleBidiStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type ServerDuplexStream,
  type ServerErrorResponse,
  type ServerWritableStream,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { cutText, DcfError, isNotStarted, messageOf, statusCodes } from '../../core/errors.js';

/** A service's definition with what implements it. */
export type GrpcService = [ServiceDefinition, UntypedServiceImplementation];

/** grpc-js wedges the whole connection over details of 130 KB, and some clients take no more than 8 KiB of headers. */
const maxDetailsLength = 4 * 1024;

/**
 * The one way that a status leaves this daemon. Ill-formed text would throw out of grpc-js as an uncaught exception, and
 * long text would wedge the connection: both are mended here.
 *
 * @param metadata - more trailers to go with it
 */
export function toStatus(error: DcfError, metadata = new Metadata()): ServerErrorResponse {
  if (error.reason !== undefined) metadata.set('dcf-reason', headerText(error.reason));
  if (error.retryAfterMs !== undefined) metadata.set('grpc-retry-pushback-ms', String(Math.ceil(error.retryAfterMs)));
  // A broken connection cannot promise that, nor can a Handler that answers UNAVAILABLE.
  if (isNotStarted(error)) metadata.set('dcf-not-started', '1');
  const details = cutText(error.message, maxDetailsLength);
  return { name: 'DcfError', message: details, code: statusCodes[error.code], details, metadata };
}

/** A header's value is printable ASCII. */
function headerText(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 200);
}

/** The status of anything that was thrown: a DcfError as it says, anything else is our own fault and says no more than that. */
export function statusOf(thrown: unknown, onFault: (error: unknown) => void): ServerErrorResponse {
  if (DcfError.is(thrown)) return toStatus(thrown);
  onFault(thrown);
  return toStatus(new DcfError('INTERNAL', 'the daemon failed; its log says more'));
}

/** What a method gets in place of a request that is no valid message; grpc-js itself would call that INTERNAL. */
class MalformedRequest {
  readonly error: DcfError;

  constructor(cause: unknown) {
    const wrapped = (): DcfError => new DcfError('INVALID_ARGUMENT', `the request is no valid protobuf message: ${messageOf(cause)}`);
    this.error = DcfError.is(cause) ? cause : wrapped();
  }
}

function checkRequest(request: unknown): void {
  if (request instanceof MalformedRequest) throw request.error;
}

/** A service whose methods, made by the functions below, answer a malformed request as the caller's mistake. */
export function service(definition: ServiceDefinition, implementation: UntypedServiceImplementation): GrpcService {
  const checked = Object.entries(definition).map(([name, method]) => {
    const requestDeserialize = (bytes: Buffer): unknown => {
      try {
        checkFields(bytes);
        return method.requestDeserialize(bytes);
      } catch (error) {
        return new MalformedRequest(error);
      }
    };
    return [name, { ...method, requestDeserialize }];
  });
  return [Object.fromEntries(checked), implementation];
}

export interface MethodOptions {
  /** Throws when the caller may not call. */
  authorize: (authorization: string | undefined) => void;
  /** Reports unexpected exceptions: anything but a DcfError. */
  onFault: (error: unknown) => void;
}

function authorizationOf(metadata: Metadata): string | undefined {
  return metadata.get('authorization')[0]?.toString();
}

/** Aborts when the caller is gone. */
function abortedWith(call: { readonly cancelled: boolean; once(event: 'cancelled', listener: () => void): unknown }): AbortSignal {
  const gone = new AbortController();
  const cancel = (): void => gone.abort(new DcfError('CANCELLED', 'the caller gave up'));
  call.once('cancelled', cancel);
  if (call.cancelled) cancel();
  return gone.signal;
}

/** A method of one request and one reply. grpc-js lets the caller of a rejected `async` method wait for ever; this does not. */
export function unary<Request, Reply>(
  options: MethodOptions,
  method: (request: Request, signal: AbortSignal) => Reply | Promise<Reply>,
): handleUnaryCall<Request, Reply> {
  return (call, callback) => {
    const gone = abortedWith(call);
    const run = async (): Promise<Reply> => {
      options.authorize(authorizationOf(call.metadata));
      checkRequest(call.request);
      return method(call.request, gone);
    };
    run().then(
      (reply) => callback(null, reply),
      (error: unknown) => callback(statusOf(error, options.onFault)),
    );
  };
}

interface Stream<Reply> {
  readonly metadata: Metadata;
  readonly cancelled: boolean;
  write(reply: Reply): boolean;
  end(): void;
  emit(event: 'error', error: unknown): boolean;
  once(event: 'drain' | 'cancelled', listener: () => void): unknown;
  off(event: 'drain', listener: () => void): unknown;
}

/** What a streaming method is given to answer with. */
export interface ReplyStream<Reply> {
  /** Resolves when there is room for more. */
  send(reply: Reply): Promise<void>;
  /** Aborts when the caller is gone. */
  signal: AbortSignal;
}

async function serve<Reply>(
  options: MethodOptions,
  call: Stream<Reply>,
  method: (replies: ReplyStream<Reply>) => Promise<void>,
): Promise<void> {
  const gone = abortedWith(call);
  const send = async (reply: Reply): Promise<void> => {
    gone.throwIfAborted();
    if (call.write(reply)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        call.off('drain', done);
        gone.removeEventListener('abort', done);
        resolve();
      };
      call.once('drain', done);
      gone.addEventListener('abort', done);
    });
  };
  try {
    options.authorize(authorizationOf(call.metadata));
    await method({ send, signal: gone });
    call.end();
  } catch (error) {
    call.emit('error', statusOf(error, options.onFault));
  }
}

/** A method of one request and many replies. */
export function serverStream<Request, Reply>(
  options: MethodOptions,
  method: (request: Request, replies: ReplyStream<Reply>) => Promise<void>,
): handleServerStreamingCall<Request, Reply> {
  return (call: ServerWritableStream<Request, Reply>) =>
    void serve(options, call, (replies) => {
      checkRequest(call.request);
      return method(call.request, replies);
    });
}

async function* checked<Request>(call: ServerDuplexStream<Request, unknown>): AsyncIterable<Request> {
  // Plain iteration would destroy the stream at its end, and with it the half that the replies go through.
  const requests: AsyncIterable<Request> = call.iterator({ destroyOnReturn: false });
  for await (const request of requests) {
    checkRequest(request);
    yield request;
  }
}

/** A method of many requests and many replies. */
export function bidirectional<Request, Reply>(
  options: MethodOptions,
  method: (requests: AsyncIterable<Request>, replies: ReplyStream<Reply>) => Promise<void>,
): handleBidiStreamingCall<Request, Reply> {
  return (call: ServerDuplexStream<Request, Reply>) => void serve(options, call, (replies) => method(checked(call), replies));
}
