/** A replica's exit code after one of its threads ran out of JavaScript heap; a process that does is aborted by V8 itself. */
export const outOfHeapExitCode = 222;
