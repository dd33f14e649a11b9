import { cutText, DcfError, type ErrorCode, messageOf, stackOf } from '../../../core/errors.js';

/** Bytes; the header of a message to the daemon has 64 KiB for message, stack and reason with JSON's escapes. */
const maxMessageLength = 4 * 1024;
const maxStackLength = 8 * 1024;
const maxReasonLength = 1024;
/** Bytes of a stack as JSON, which writes a control character with six bytes. */
const maxWrittenStackLength = 32 * 1024;

/** The message and stack of what a Handler has thrown, cut to what a header holds. */
export function describeFailure(error: unknown): { message: string; stack: string } {
  const stack = cutText(handlerStack(error), maxStackLength);
  const fits = Buffer.byteLength(JSON.stringify(stack)) <= maxWrittenStackLength;
  return { message: cutText(messageOf(error), maxMessageLength), stack: fits ? stack : stack.replace(/(?!\n)\p{Cc}/gu, '\ufffd') };
}

/** The status code of what a Handler has thrown, and the reason, cut to what a header holds: those of a DcfError, UNKNOWN for anything else. */
export function codeAndReason(error: unknown): { code: ErrorCode; reason: string | undefined } {
  if (!DcfError.is(error)) return { code: 'UNKNOWN', reason: undefined };
  const { code, reason }: { code: ErrorCode; reason?: unknown } = error;
  return { code, reason: typeof reason === 'string' ? cutText(reason, maxReasonLength) : undefined };
}

/** The folder of the runtime's own code, in whose one bundled file its stack frames lie. */
const runtimeFolder = new URL('.', import.meta.url).href;

/** The stack of what a Handler threw, its causes included, without the frames of the runtime that called it. */
export function handlerStack(thrown: unknown): string {
  return stackOf(thrown)
    .split('\n')
    .filter((line) => !(line.trimStart().startsWith('at ') && line.includes(runtimeFolder)))
    .join('\n');
}
