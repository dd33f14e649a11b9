import assert from 'node:assert/strict';

/**
 * The lines of a daemon's log about exceptions that nobody expected. Each is a mistake in the daemon's own code: what functions, callers
 * and packages do wrong is answered, and logged otherwise.
 */
export function mistakesIn(log: string): string[] {
  // The last line may not be whole yet.
  const lines = log.split('\n').slice(0, -1);
  return lines.filter((line) => {
    if (!line.startsWith('{')) return false;
    const entry: unknown = JSON.parse(line);
    const has = (key: string): boolean => typeof entry === 'object' && entry !== null && key in entry;
    // A function that cannot be started again is named, and its stack is its own.
    return /"level":"error"/.test(line) && has('stack') && !has('function');
  });
}

/** Fails when a daemon has logged a mistake of its own, or Node has warned of one, such as of a leak. */
export function assertNoMistakes(log: string): void {
  assert.deepEqual(mistakesIn(log), []);
  assert.doesNotMatch(log, /\(node:\d+\).*Warning/);
}
