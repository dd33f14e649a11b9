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

export type StatusCode = keyof typeof statusCodes;
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

export interface DcfErrorOptions extends ErrorOptions {
  /** How a worker ended under the call, machine-readable; the trailer `dcf-reason`. */
  reason?: string | undefined;
  /** After how many milliseconds it makes sense to try again. */
  retryAfterMs?: number | undefined;
  /** What the daemon told of the call that failed. */
  report?: DaemonReport | undefined;
}

/**
 * The one error of the platform: a gRPC status code and a message that is meant for the caller. `cause` and the stack
 * stay where the error was made.
 */
export class DcfError extends Error {
  readonly code: ErrorCode;
  readonly reason: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly report: DaemonReport | undefined;

  static {
    DcfError.prototype.name = 'DcfError';
    // An error of another copy, such as that of the CommonJS modules, is an instance too; those of subclasses are told apart.
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
   * Whether `value` is a DcfError, also one of another copy of this package: a function may bring its own, so
   * `instanceof` is not enough.
   */
  static is(value: unknown): value is DcfError {
    return value instanceof Error && value.name === 'DcfError' && 'code' in value && isErrorCode(value.code);
  }

  /** `value` as a DcfError: itself if it is one, otherwise wrapped as its cause under `fallback`. */
  static from(value: unknown, fallback: ErrorCode = 'UNKNOWN'): DcfError {
    if (DcfError.is(value)) return value;
    return new DcfError(fallback, messageOf(value), { cause: value });
  }
}

/** The message of anything that was thrown, for people: never empty, never throws itself. */
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
