import { checkFields } from '@dcf/sdk/contract';
import { cutText, DcfError, isNotStarted, messageOf, statusCodes } from '../../core/errors.js';
import type { Method } from '../../grpc/call.js';
import { type AnyMethod, type MethodDefinition, serve } from '../../grpc/methods.js';
import type { Status } from '../../grpc/status.js';

/** The methods of a service by their paths. */
export type GrpcService = ReadonlyMap<string, Method>;

/** Bytes of a status's message: some clients accept only 8 KiB of headers, and each byte may take three. */
const maxMessageLength = 4 * 1024;

/**
 * Makes the gRPC status of an error. Every status of this daemon is made here.
 *
 * @param trailers - names and values in turn. @default none
 */
export function toStatus(error: DcfError, trailers: readonly string[] = []): Status {
  const further = [...trailers];
  if (error.reason !== undefined) further.push('dcf-reason', headerText(error.reason).slice(0, 200));
  if (error.retryAfterMs !== undefined) further.push('grpc-retry-pushback-ms', String(Math.ceil(error.retryAfterMs)));
  // Tells this UNAVAILABLE from one that a Handler chose or a broken connection caused: after those the call may have run.
  if (isNotStarted(error)) further.push('dcf-not-started', '1');
  return { code: statusCodes[error.code], message: cutText(error.message, maxMessageLength), trailers: further };
}

/** The text as a header's value: printable ASCII. */
export function headerText(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').trim();
}

/** The status of anything that was thrown. What is not a DcfError is a fault of the daemon: it is reported, and its text stays private. */
export function statusOf(thrown: unknown, onFault: (error: unknown) => void): Status {
  if (DcfError.is(thrown)) return toStatus(thrown);
  onFault(thrown);
  return toStatus(new DcfError('INTERNAL', 'an error inside the daemon; its log has the details'));
}

export interface MethodOptions {
  /** Throws when the caller may not call. */
  authorize: (authorization: string | undefined) => void;
  /** Reports unexpected exceptions: anything but a DcfError. */
  onFault: (error: unknown) => void;
}

/** The implementation of a service: a method of src/grpc for each that the contract describes. */
export type Implementation<Methods> = { [Name in keyof Methods]: ImplementationOf<Methods[Name]> };

type ImplementationOf<Described> = Described extends { kind: infer Kind; request: infer Request; reply: infer Reply }
  ? Extract<AnyMethod<Request, Reply>, { kind: Kind }>
  : never;

/** The methods of a service, with the codecs of its definition. */
export function service<Methods>(
  definition: Readonly<Record<string, MethodDefinition>>,
  methods: Implementation<Methods>,
  options: MethodOptions,
): Map<string, Method> {
  const { authorize, onFault } = options;
  const served = new Map<string, Method>();
  for (const [name, method] of Object.entries<AnyMethod<unknown, unknown>>(methods)) {
    const found = definition[name];
    if (found === undefined) throw new Error(`the contract has no method ${name}`);
    const checked: MethodDefinition = {
      path: found.path,
      requestDeserialize: (bytes) => decode(found, bytes),
      responseSerialize: (reply) => found.responseSerialize(reply),
    };
    served.set(
      found.path,
      serve(checked, method, {
        authorize: ({ authorization }) => authorize(authorization?.toString()),
        statusOf: (error) => statusOf(error, onFault),
        errorOf: (code, message) => new DcfError(code, message),
      }),
    );
  }
  return served;
}

/** Reads a request. @throws DcfError INVALID_ARGUMENT when it is not a valid message */
function decode(definition: MethodDefinition, bytes: Buffer): unknown {
  try {
    checkFields(bytes);
    return definition.requestDeserialize(bytes);
  } catch (error) {
    if (DcfError.is(error)) throw error;
    throw new DcfError('INVALID_ARGUMENT', `the request is not a valid protobuf message: ${messageOf(error)}`);
  }
}
