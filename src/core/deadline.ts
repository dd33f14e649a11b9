/** The longest delay that a Node timer takes: a 32-bit integer of milliseconds, almost 25 days. */
const longestTimer = 2 ** 31 - 1;

/** Runs `task` after `delayMs`, even where a timer cannot count that far. Returns what cancels it. */
export function startTimer(delayMs: number, task: () => void): () => void {
  let timer: NodeJS.Timeout;
  const arm = (rest: number): void => {
    timer = rest > longestTimer ? setTimeout(() => arm(rest - longestTimer), longestTimer) : setTimeout(task, Math.max(0, rest));
  };
  arm(delayMs);
  return () => clearTimeout(timer);
}
