import { DcfError, messageOf } from '@dcf/sdk/errors';

/** The exit code of a failure. 1: the call or deploy failed. 2: the command was used wrongly. */
export type FailureCode = 1 | 2;

/** A failure of a command, with the message for the user. */
export class CommandError extends Error {
  readonly exitCode: FailureCode;

  constructor(exitCode: FailureCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** The error for a wrong argument or option. */
export function usageError(message: string): CommandError {
  return new CommandError(2, message);
}

/** The message for the user and the exit code, for anything that was thrown. */
export function describeFailure(error: unknown): { message: string; exitCode: FailureCode } {
  if (error instanceof CommandError) return { message: error.message, exitCode: error.exitCode };
  return { message: messageOf(error), exitCode: 1 };
}

/** The error for a failure at the daemon, with what to do about it if that is known. */
export function daemonFailure(error: unknown, subject = ''): CommandError {
  if (error instanceof CommandError) return error;
  const { code, message } = DcfError.from(error, 'INTERNAL');
  const prefix = subject === '' ? '' : `${subject}: `;
  const advice = adviceFor(code);
  return new CommandError(1, `${prefix}${code}: ${message}${advice === undefined ? '' : `\n${advice}`}`, { cause: error });
}

function adviceFor(code: DcfError['code']): string | undefined {
  switch (code) {
    case 'UNAUTHENTICATED':
      return 'Put the token into a file that DCF_TOKEN_FILE names, or into the config file (dcf --help says where).';
    case 'NOT_FOUND':
      return '"dcf list" shows what is deployed.';
    default:
      return undefined;
  }
}

/** The Handler's own stack, which is the cause of a start's error. */
export function handlerStack(error: unknown): string | undefined {
  return DcfError.is(error) && error.code === 'FAILED_PRECONDITION' && error.cause instanceof Error ? error.cause.stack : undefined;
}
