import { LinkedList } from '../../core/linked-list.js';
import type { Call } from './call.js';

/** Calls that wait for a slot: nested calls before calls from outside, and each kind in its order of arrival. */
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

  /** The nested call that arrived last. */
  get lastNested(): Call | undefined {
    return this.nested.last;
  }

  /** The queued call that follows `call`. */
  after(call: Call): Call | undefined {
    return call.next ?? (call.isNested ? this.others.first : undefined);
  }

  push(call: Call): void {
    this.listOf(call).push(call);
  }

  /** Puts a call in front of the others of its kind: nested, or from outside. */
  unshift(call: Call): void {
    this.listOf(call).unshift(call);
  }

  shift(): Call | undefined {
    return this.nested.shift() ?? this.others.shift();
  }

  /** Removes `call`. Returns false when it is not in the queue. */
  remove(call: Call): boolean {
    return this.listOf(call).remove(call);
  }

  private listOf(call: Call): LinkedList<Call> {
    return call.isNested ? this.nested : this.others;
  }
}
