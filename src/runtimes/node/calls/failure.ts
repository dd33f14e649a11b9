import { cutText, messageOf, stackOf } from '../../../core/errors.js';

/** A header holds 64 KiB; message, stack and JSON's escapes have to fit. */
const maxMessageLength = 4 * 1024;
const maxStackLength = 8 * 1024;

/** What a Handler has thrown, in as many characters as a header holds. */
export function describeFailure(error: unknown): { message: string; stack: string } {
  return { message: cutText(messageOf(error), maxMessageLength), stack: cutText(handlerStack(error), maxStackLength) };
}

/** Where the runtime's own code lies; the build makes one file of it, and its frames name that. */
const runtimeFolder = new URL('.', import.meta.url).href;

/** The stack of what a Handler threw, its causes included, without the frames of the runtime that called it. */
export function handlerStack(thrown: unknown): string {
  return stackOf(thrown)
    .split('\n')
    .filter((line) => !(line.trimStart().startsWith('at ') && line.includes(runtimeFolder)))
    .join('\n');
}
