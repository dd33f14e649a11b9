/** What gives slots to calls: a pool, as the question sees it who waits for whom. */
export interface SlotOwner {
  readonly function: string;
  /** Whether a call that waits here can get a slot without that a call that runs here ends. */
  readonly canGainSlots: boolean;
  /** Calls that hold its slots. */
  holders(): Iterable<SlotHolder>;
}

/** A call that holds a slot. */
export interface SlotHolder {
  readonly function: string;
  /** Nobody waits for its answer any more, and its Handler knows. */
  readonly settled: boolean;
  /** The calls of other functions that its Handler waits for. */
  awaited(): Iterable<AwaitedCall>;
}

/** A call that another call waits for: it holds a slot, or waits for one. */
export interface AwaitedCall extends SlotHolder {
  readonly begun: boolean;
  readonly slots: SlotOwner;
}

/** One function's call waits for another's. */
export interface Wait {
  from: string;
  to: string;
}

/**
 * Why no call that holds a slot here can end: each waits for others, and all of those, however far one follows them, wait for slots
 * that only such calls hold. `undefined` when one can end, or none holds a slot.
 *
 * A Handler that waits for several calls counts as one that goes on when any of them is answered: so nothing is taken for a
 * standstill that is none, and one that there will be only then has to be looked for again.
 */
export function standstill(owner: SlotOwner): Wait[] | undefined {
  const search = new Search();
  const holders = [...owner.holders()];
  if (holders.length === 0 || search.anyCanEnd(owner, holders)) return undefined;
  return search.waits;
}

/** Follows who waits for whom to something that does not wait. */
class Search {
  readonly waits: Wait[] = [];
  /** What `waits` has, for a quick answer: many calls wait for many, and the daemon does nothing else meanwhile. */
  private readonly noted = new Set<string>();
  /** What was looked at, or is being looked at: to come there again tells nothing new. */
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
