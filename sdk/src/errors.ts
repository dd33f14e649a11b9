import type { DaemonReport } from './contract/report.js';

/** The gRPC status codes, https://grpc.github.io/grpc/core/md_doc_statuscodes.html. */
export const statusCodes = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

/** The name of a gRPC status. */
export type StatusCode = keyof typeof statusCodes;
/** The name of a gRPC status other than OK. */
export type ErrorCode = Exclude<StatusCode, 'OK'>;

const nameByNumber = new Map<number, ErrorCode>();
for (const [name, number] of Object.entries(statusCodes)) {
  if (isErrorCode(name)) nameByNumber.set(number, name);
}

/** Whether `value` names a gRPC status other than OK. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && value !== 'OK' && Object.hasOwn(statusCodes, value);
}

/** The name of a numeric gRPC status; UNKNOWN for a number that gRPC does not define. */
export function errorCodeOf(number: number): ErrorCode {
  return nameByNumber.get(number) ?? 'UNKNOWN';
}

/** Further facts about a failure. */
export interface DcfErrorOptions extends ErrorOptions {
  /** Why a worker ended during the call, for programs; gRPC has it in the trailer `dcf-reason`. */
  reason?: string | undefined;
  /** After how many milliseconds another try makes sense. */
  retryAfterMs?: number | undefined;
  /** The daemon's report of the call that failed. */
  report?: DaemonReport | undefined;
}

/**
 * The error of the platform: a gRPC status code and a message for the caller. A Handler throws it to choose the code that its caller gets.
 * `cause` and the stack are not sent.
 *
 * @example
 * throw new DcfError('INVALID_ARGUMENT', 'send a JSON list of numbers');
 */
export class DcfError extends Error {
  /** The name of the gRPC status. */
  readonly code: ErrorCode;
  /** Why a worker ended during the call, for programs; `undefined` if none did. */
  readonly reason: string | undefined;
  /** After how many milliseconds another try makes sense; `undefined` if that is unknown. */
  readonly retryAfterMs: number | undefined;
  /** The daemon's report of the call that failed; `undefined` if there is none. */
  readonly report: DaemonReport | undefined;

  static {
    DcfError.prototype.name = 'DcfError';
    // `instanceof DcfError` is also true for an error of another copy of this package, such as the CommonJS one; subclasses are exact.
    Object.defineProperty(DcfError, Symbol.hasInstance, {
      value(this: unknown, value: unknown): boolean {
        if (this === DcfError) return DcfError.is(value);
        return typeof this === 'function' && Function.prototype[Symbol.hasInstance].call(this, value);
      },
    });
  }

  constructor(code: ErrorCode, message: string, options: DcfErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.reason = options.reason;
    this.retryAfterMs = options.retryAfterMs;
    this.report = options.report;
  }

  /**
   * Whether `value` is a DcfError, also one that was made by another copy of this package: a function may bring its own copy.
   */
  static is(value: unknown): value is DcfError {
    return value instanceof Error && value.name === 'DcfError' && 'code' in value && isErrorCode(value.code);
  }

  /**
   * `value` itself if it is a DcfError, otherwise a new DcfError with its message, and `value` as the cause.
   *
   * @param fallback - the code of the new error; @default 'UNKNOWN'
   */
  static from(value: unknown, fallback: ErrorCode = 'UNKNOWN'): DcfError {
    if (DcfError.is(value)) return value;
    return new DcfError(fallback, messageOf(value), { cause: value });
  }
}

/** The message of anything that was thrown, for people. It is never empty, and this function never throws. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof Error) {
    const message = String(thrown.message);
    return message === '' ? thrown.name : message;
  }
  if (typeof thrown === 'string') return thrown === '' ? 'an empty string was thrown' : thrown;
  try {
    return `${String(thrown)} was thrown`;
  } catch {
    return 'an object that cannot be described was thrown';
  }
}

/** The code of a system error, such as `ENOENT`; `undefined` for anything else that was thrown. */
export function errorCode(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
}

const systemReasons: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'there is no such file or folder'],
  ['ENOTDIR', 'a part of the path is not a folder'],
  ['EISDIR', 'it is a folder'],
  ['EACCES', 'permission denied'],
  ['EPERM', 'permission denied'],
  ['EROFS', 'the file system is read-only'],
  ['ENOSPC', 'no space is left on the device'],
  ['EDQUOT', 'the disk quota is used up'],
  ['EFBIG', 'it would be larger than a file may be'],
  ['EIO', 'the device reports an error'],
]);

/** The reason of a system error for a file, in words and with its code; of anything else that was thrown, the message. */
export function reasonOf(thrown: unknown): string {
  const code = errorCode(thrown) ?? '';
  const reason = systemReasons.get(code);
  return reason === undefined ? messageOf(thrown) : `${reason} (${code})`;
}
