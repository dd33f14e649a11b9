import { stackOf } from '../../core/errors.js';

/** Where the runtime's own code lies; the build makes one file of it, and its frames name that. */
const runtimeFolder = new URL('.', import.meta.url).href;

/** The stack of what a Handler threw, its causes included, without the frames of the runtime that called it. */
export function handlerStack(thrown: unknown): string {
  return stackOf(thrown)
    .split('\n')
    .filter((line) => !(line.trimStart().startsWith('at ') && line.includes(runtimeFolder)))
    .join('\n');
}
