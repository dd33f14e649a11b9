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

/** Bytes of a status's details. Details of 130 KB block a whole connection of grpc-js, and some clients accept only 8 KiB of headers. */
const maxDetailsLength = 4 * 1024;

/**
 * Makes the gRPC status of an error. Every status of this daemon is made here, because grpc-js would throw an uncaught exception for
 * ill-formed text, and long text would block the connection: both are corrected.
 *
 * @param metadata - further trailers
 */
export function toStatus(error: DcfError, metadata = new Metadata()): ServerErrorResponse {
  if (error.reason !== undefined) metadata.set('dcf-reason', headerText(error.reason));
  if (error.retryAfterMs !== undefined) metadata.set('grpc-retry-pushback-ms', String(Math.ceil(error.retryAfterMs)));
  // Tells this UNAVAILABLE from one that a Handler chose or a broken connection caused: after those the call may have run.
  if (isNotStarted(error)) metadata.set('dcf-not-started', '1');
  const details = cutText(error.message, maxDetailsLength);
  return { name: 'DcfError', message: details, code: statusCodes[error.code], details, metadata };
}

/** The text as a header's value: printable ASCII, 200 characters at most. */
function headerText(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 200);
}

/** The status of anything that was thrown. What is not a DcfError is a fault of the daemon: it is reported, and its text stays private. */
export function statusOf(thrown: unknown, onFault: (error: unknown) => void): ServerErrorResponse {
  if (DcfError.is(thrown)) return toStatus(thrown);
  onFault(thrown);
  return toStatus(new DcfError('INTERNAL', 'an error inside the daemon; its log has the details'));
}

/** What a method gets in place of a request that is not a valid message; grpc-js itself would answer INTERNAL. */
class MalformedRequest {
  readonly error: DcfError;

  constructor(cause: unknown) {
    const wrapped = (): DcfError => new DcfError('INVALID_ARGUMENT', `the request is not a valid protobuf message: ${messageOf(cause)}`);
    this.error = DcfError.is(cause) ? cause : wrapped();
  }
}

function checkRequest(request: unknown): void {
  if (request instanceof MalformedRequest) throw request.error;
}

/** A service whose methods, made by the functions below, answer a malformed request with INVALID_ARGUMENT. */
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

/** A signal that aborts when the caller disconnects or cancels the call. */
function abortedWith(call: { readonly cancelled: boolean; once(event: 'cancelled', listener: () => void): unknown }): AbortSignal {
  const gone = new AbortController();
  const cancel = (): void => gone.abort(new DcfError('CANCELLED', 'the caller gave up'));
  call.once('cancelled', cancel);
  if (call.cancelled) cancel();
  return gone.signal;
}

/** A method of one request and one reply. It also answers when `method` rejects: grpc-js would let the caller wait for ever. */
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

/** The replies of a streaming method. */
export interface ReplyStream<Reply> {
  /** Sends a reply. Resolves when there is room for another. Rejects with CANCELLED when the caller is gone. */
  send(reply: Reply): Promise<void>;
  /** Aborts when the caller disconnects or cancels the call. */
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
