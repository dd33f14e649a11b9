import { RequestList, type WorkerRequest } from './request.js';

/** The calls that were sent ahead, so that the Handler need not wait for the daemon between two calls. None of them has begun. */
export class CallsAhead {
  private readonly waiting = new RequestList();
  private reading = false;

  /** @param onRead - called when calls may begin again after `readFirst` */
  constructor(private readonly onRead: () => void) {}

  get size(): number {
    return this.waiting.size;
  }

  push(request: WorkerRequest): void {
    this.waiting.push(request);
  }

  /** Takes out the call that begins next; `undefined` if there is none, or none may begin yet. */
  next(): WorkerRequest | undefined {
    return this.reading ? undefined : this.waiting.shift();
  }

  /** Takes out the call with this number, if it is here. */
  take(wireId: number): WorkerRequest | undefined {
    const request = this.waiting.find(wireId);
    if (request !== undefined) this.waiting.remove(request);
    return request;
  }

  /** Cancels and removes all of them. */
  cancelAll(): void {
    for (let request = this.waiting.shift(); request !== undefined; request = this.waiting.shift()) request.cancel();
  }

  /**
   * Lets no call begin until the messages that came while the thread was blocked have been read: one of them may cancel the next call.
   */
  readFirst(): void {
    if (this.reading) return;
    this.reading = true;
    // The event loop reads the stream between the first immediate and the second.
    setImmediate(() =>
      setImmediate(() => {
        this.reading = false;
        this.onRead();
      }),
    );
  }
}
