import { RequestList, type WorkerRequest } from './request.js';

/** The calls that were sent ahead, so that the Handler need not wait for the daemon between two of them; none has started. */
export class CallsAhead {
  private readonly waiting = new RequestList();
  private reading = false;

  /** @param onRead - they may begin again */
  constructor(private readonly onRead: () => void) {}

  get size(): number {
    return this.waiting.size;
  }

  push(request: WorkerRequest): void {
    this.waiting.push(request);
  }

  /** Takes out the one that begins next; `undefined` when there is none, or none may begin yet. */
  next(): WorkerRequest | undefined {
    return this.reading ? undefined : this.waiting.shift();
  }

  /** Takes out the call with this number, if it is here. */
  take(wireId: number): WorkerRequest | undefined {
    const request = this.waiting.find(wireId);
    if (request !== undefined) this.waiting.remove(request);
    return request;
  }

  /** Nobody waits for them any more. */
  cancelAll(): void {
    for (let request = this.waiting.shift(); request !== undefined; request = this.waiting.shift()) request.cancel();
  }

  /** Has what came while the thread was blocked read before another call begins: it may have been cancelled. */
  readFirst(): void {
    if (this.reading) return;
    this.reading = true;
    // The first immediate comes before the stream's turn, the second after.
    setImmediate(() =>
      setImmediate(() => {
        this.reading = false;
        this.onRead();
      }),
    );
  }
}
