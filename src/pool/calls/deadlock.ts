/** A pool that gives slots to calls: the part of it that the search for deadlocks uses. */
export interface SlotOwner {
  readonly function: string;
  /** Whether a queued call can get a slot before any call that runs here has ended. */
  readonly canGainSlots: boolean;
  /** Calls that hold its slots. */
  holders(): Iterable<SlotHolder>;
}

/** A call that holds a slot. */
export interface SlotHolder {
  readonly function: string;
  /** Whether its caller has been told how it ended; its Handler then knows that nobody waits. */
  readonly settled: boolean;
  /** The calls of other functions that its Handler waits for. */
  awaited(): Iterable<AwaitedCall>;
}

/** A call that another call waits for: it holds a slot, or waits for one. */
export interface AwaitedCall extends SlotHolder {
  /** Whether it holds a slot. */
  readonly begun: boolean;
  /** The pool that it holds a slot of, or waits for. */
  readonly slots: SlotOwner;
}

/** A call of the function `from` waits for a call of the function `to`. */
export interface Wait {
  from: string;
  to: string;
}

/**
 * Finds a deadlock: every call that holds a slot of `owner` waits for other calls, and all of those, followed through any pools,
 * wait for slots that only such calls hold.
 *
 * A Handler that waits for several calls counts as going on when any one of them is answered. So no deadlock is found where there
 * is none, and one that arises only after such an answer is found when this is called again.
 *
 * @returns which functions wait for which; `undefined` when a call can end, or when no call holds a slot
 */
export function findDeadlock(owner: SlotOwner): Wait[] | undefined {
  const search = new Search();
  const holders = [...owner.holders()];
  if (holders.length === 0 || search.anyCanEnd(owner, holders)) return undefined;
  return search.waits;
}

/** Follows who waits for whom until it finds a call that does not wait, or has seen all. */
class Search {
  readonly waits: Wait[] = [];
  /** The pairs in `waits`, for a quick look-up: many calls may wait for many, and the daemon does nothing else meanwhile. */
  private readonly noted = new Set<string>();
  /** Pools and calls that were visited, or are being visited: to visit them again finds nothing new. */
  private readonly seen = new Set<SlotOwner | SlotHolder>();

  anyCanEnd(owner: SlotOwner, holders: Iterable<SlotHolder>): boolean {
    this.seen.add(owner);
    for (const holder of holders) if (this.canEnd(holder)) return true;
    return false;
  }

  private canEnd(holder: SlotHolder): boolean {
    if (this.seen.has(holder)) return false;
    this.seen.add(holder);
    if (holder.settled) return true;
    let waits = false;
    for (const awaited of holder.awaited()) {
      waits = true;
      if (awaited.begun ? this.canEnd(awaited) : this.canBegin(awaited.slots)) return true;
      this.note(holder.function, awaited.function);
    }
    return !waits;
  }

  private canBegin(owner: SlotOwner): boolean {
    if (this.seen.has(owner)) return false;
    return owner.canGainSlots || this.anyCanEnd(owner, owner.holders());
  }

  private note(from: string, to: string): void {
    const pair = `${from} ${to}`;
    if (this.noted.has(pair)) return;
    this.noted.add(pair);
    this.waits.push({ from, to });
  }
}
