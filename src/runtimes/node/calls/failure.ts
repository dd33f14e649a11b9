import { cutText, messageOf, stackOf } from '../../../core/errors.js';

/** Bytes of a message; the header of a message to the daemon has 64 KiB for message and stack with JSON's escapes. */
const maxMessageLength = 4 * 1024;
const maxStackLength = 8 * 1024;

/** The message and stack of what a Handler has thrown, cut to what a header holds. */
export function describeFailure(error: unknown): { message: string; stack: string } {
  return { message: cutText(messageOf(error), maxMessageLength), stack: cutText(handlerStack(error), maxStackLength) };
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
