import type { ServerCall } from './call.js';
import { statusCodes } from './status.js';

const sweepMs = 100;

/**
 * The calls whose requests have not come as a whole. A client that never sends the rest must not hold them for ever: a sweep ends those
 * that wait too long. A timer for each call would make every call slower.
 */
export class WaitingCalls {
  private first: ServerCall | undefined;
  private last: ServerCall | undefined;
  private timer: NodeJS.Timeout | undefined;

  /** @param timeoutMs - how long a request may take to come, in milliseconds */
  constructor(private readonly timeoutMs: number) {}

  add(call: ServerCall): void {
    call.previous = this.last;
    call.next = undefined;
    if (this.last === undefined) this.first = call;
    else this.last.next = call;
    this.last = call;
    call.waits = true;
    this.timer ??= setInterval(() => this.sweep(), sweepMs).unref();
  }

  /** Removes a call; does nothing when it is not in the list. */
  remove(call: ServerCall): void {
    if (!call.waits) return;
    call.waits = false;
    if (call.previous === undefined) this.first = call.next;
    else call.previous.next = call.next;
    if (call.next === undefined) this.last = call.previous;
    else call.next.previous = call.previous;
    call.previous = undefined;
    call.next = undefined;
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private sweep(): void {
    const now = performance.now();
    let next: ServerCall | undefined;
    for (let call = this.first; call !== undefined; call = next) {
      next = call.next;
      if (now - call.since >= call.timeoutMs) {
        call.abort({ code: statusCodes.DEADLINE_EXCEEDED, message: 'the deadline passed before the request had come' });
      } else if (now - call.since >= this.timeoutMs) {
        const message = `the body of the request did not arrive within ${this.timeoutMs} ms (--body-timeout)`;
        call.abort({ code: statusCodes.DEADLINE_EXCEEDED, message });
      }
    }
    if (this.first === undefined) this.stop();
  }
}
