/** Enough tasks at once to keep a disk busy, and few enough for the limit of open files. */
const atOnce = 16;

/**
 * Runs `task` for each item, up to 16 at once. After a failure no other item is begun; the error is thrown once no task runs any more.
 */
export async function forEachOf<Item>(items: readonly Item[], task: (item: Item) => Promise<void>): Promise<void> {
  const rest = items.values();
  let failed = false;
  async function work(): Promise<void> {
    for (const item of rest) {
      if (failed) return;
      try {
        await task(item);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  }
  const ends = await Promise.allSettled(Array.from({ length: Math.min(atOnce, items.length) }, work));
  for (const end of ends) {
    if (end.status === 'rejected') throw end.reason;
  }
}
