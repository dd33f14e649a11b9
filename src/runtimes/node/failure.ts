import { cutText, messageOf } from '../../core/errors.js';
import { handlerStack } from './handler-stack.js';

/** A header holds 64 KiB; message, stack and JSON's escapes have to fit. */
const maxMessageLength = 4 * 1024;
const maxStackLength = 8 * 1024;

/** What a Handler has thrown, in as many characters as a header holds. */
export function describeFailure(error: unknown): { message: string; stack: string } {
  return { message: cutText(messageOf(error), maxMessageLength), stack: cutText(handlerStack(error), maxStackLength) };
}
