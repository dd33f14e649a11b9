import type { Call } from './call.js';

/** Calls in order of arrival, linked through themselves: joining, leaving from anywhere and taking the first cost the same. */
export class CallQueue {
  private first: Call | undefined;
  private last: Call | undefined;
  private count = 0;

  get size(): number {
    return this.count;
  }

  push(call: Call): void {
    call.previous = this.last;
    call.next = undefined;
    if (this.last === undefined) this.first = call;
    else this.last.next = call;
    this.last = call;
    this.count += 1;
  }

  shift(): Call | undefined {
    const call = this.first;
    if (call !== undefined) this.unlink(call);
    return call;
  }

  /** Takes `call` out; false when it is not in the queue. */
  remove(call: Call): boolean {
    if (call.previous === undefined && call.next === undefined && this.first !== call) return false;
    this.unlink(call);
    return true;
  }

  private unlink(call: Call): void {
    if (call.previous === undefined) this.first = call.next;
    else call.previous.next = call.next;
    if (call.next === undefined) this.last = call.previous;
    else call.next.previous = call.previous;
    call.previous = undefined;
    call.next = undefined;
    this.count -= 1;
  }
}
