import { LinkedList, type ListNode } from '../../core/linked-list.js';
import type { CallOrigin, CancellableCall, Outcome, ParentCall } from './invocation.js';

/** A call that a Handler makes of another function, from when its worker asks for it until it is answered. */
export class NestedCall implements ListNode<NestedCall>, CallOrigin {
  previous: NestedCall | undefined;
  next: NestedCall | undefined;
  private acceptedCall: CancellableCall | undefined;

  /**
   * @param parent - the call that it is made for
   * @param id - its number on the stream of the parent's worker
   */
  constructor(
    readonly parent: ParentCall,
    readonly id: number,
  ) {}

  /** The call in the other function's pool; `undefined` until that pool has accepted it. */
  get call(): CancellableCall | undefined {
    return this.acceptedCall;
  }

  accepted(call: CancellableCall): void {
    this.acceptedCall = call;
  }

  /** Cancels the call in the other function's pool, if it is there: nobody waits for its answer any more. */
  cancel(): void {
    this.acceptedCall?.cancel();
  }
}

/** The calls that the Handler of one call waits for. */
export class NestedList extends LinkedList<NestedCall> {
  /** The nested calls that a pool has accepted. */
  *accepted(): Iterable<CancellableCall> {
    for (let link = this.first; link !== undefined; link = link.next) if (link.call !== undefined) yield link.call;
  }

  /** The Handler does not wait for the call with this number any more; it stays until it is answered. */
  cancel(id: number): void {
    let link = this.first;
    while (link !== undefined && link.id !== id) link = link.next;
    link?.cancel();
  }

  /** Nobody waits for any of them any more. */
  cancelAll(): void {
    for (let link = this.shift(); link !== undefined; link = this.shift()) link.cancel();
  }
}

/** A Handler's request to call another function. */
export interface NestedRequest {
  nested: NestedCall;
  function: string;
  /** An alias or a revision; the active revision where it is missing. */
  alias: string | undefined;
  input: Uint8Array;
  /** Milliseconds; 0: all that the parent has left. */
  timeoutMs: number;
  /** Added to the parent's metadata. */
  metadata: Readonly<Record<string, string>> | undefined;
}

/** Hands a Handler's call on to the function that it names. `settle` is called exactly once. */
export type CallFunction = (request: NestedRequest, settle: (outcome: Outcome) => void) => void;

/** The functions whose calls have led to this one, the outermost first and its own last. */
export function chainOf(call: ParentCall): string[] {
  const chain: string[] = [];
  for (let link: ParentCall | undefined = call; link !== undefined; link = link.invocation.origin?.parent) chain.push(link.function);
  return chain.reverse();
}
