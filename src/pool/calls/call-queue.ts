import { LinkedList } from '../../core/linked-list.js';
import type { Call } from './call.js';

/** Calls that wait for a slot: those that a Handler waits for in front of those from outside, each in the order in which they came. */
export class CallQueue {
  private readonly nested = new LinkedList<Call>();
  private readonly others = new LinkedList<Call>();

  get size(): number {
    return this.nested.size + this.others.size;
  }

  get nestedSize(): number {
    return this.nested.size;
  }

  get first(): Call | undefined {
    return this.nested.first ?? this.others.first;
  }

  /** The nested call that came last. */
  get lastNested(): Call | undefined {
    return this.nested.last;
  }

  /** The one that is next after a call that waits. */
  after(call: Call): Call | undefined {
    return call.next ?? (call.isNested ? this.others.first : undefined);
  }

  push(call: Call): void {
    this.listOf(call).push(call);
  }

  /** Puts a call in front of its like. */
  unshift(call: Call): void {
    this.listOf(call).unshift(call);
  }

  shift(): Call | undefined {
    return this.nested.shift() ?? this.others.shift();
  }

  /** Takes `call` out; false when it does not wait. */
  remove(call: Call): boolean {
    return this.listOf(call).remove(call);
  }

  private listOf(call: Call): LinkedList<Call> {
    return call.isNested ? this.nested : this.others;
  }
}
