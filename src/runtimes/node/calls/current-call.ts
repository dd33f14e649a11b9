import { AsyncLocalStorage, AsyncResource, executionAsyncId } from 'node:async_hooks';
import type { LinkedList } from '../../../core/linked-list.js';
import type { WorkerRequest } from './request.js';

/**
 * Knows which call's code is running: for the lines that it logs, and to find the call that caused an uncaught exception. With one call at
 * a time this is known without the cost of asynchronous context (AsyncLocalStorage).
 */
export class CurrentCall {
  /** Whether the code of a call has to be run by `run`. */
  readonly tracked: boolean;
  private readonly ids = new AsyncLocalStorage<number>();
  /** Number of the call that began last. */
  private lastId = 0;
  /** Number of the call that began before the last one. */
  private previousId = 0;
  /** An asynchronous id from when the last call began: timers and the like that are older have a lower one. */
  private lastMark = 0;

  /**
   * @param concurrency - how many calls, or batches, may be in the Handler at the same time
   * @param running - the calls that are in the Handler
   */
  constructor(
    concurrency: number,
    private readonly running: LinkedList<WorkerRequest>,
  ) {
    this.tracked = concurrency > 1;
  }

  /** The number of the call whose code is running; 0 for none. */
  get id(): number {
    if (this.tracked) return this.ids.getStore() ?? 0;
    return this.running.size === 1 ? (this.running.first?.wireId ?? 0) : 0;
  }

  /** The number of the call that most likely created what has just failed outside any call; 0 for none. */
  get suspectId(): number {
    return this.madeEarlier ? this.previousId : this.id || this.lastId;
  }

  /** The calls that may wait for ever for what has just failed outside of them. */
  get suspects(): WorkerRequest[] {
    if (this.madeEarlier) return [];
    const suspects: WorkerRequest[] = [];
    const id = this.ids.getStore();
    for (let request = this.running.first; request !== undefined; request = request.next) {
      if (!this.tracked || request.wireId === id) suspects.push(request);
    }
    return suspects;
  }

  /** Notes that the call with this number begins; 0 for a batch of several calls. */
  begin(id: number): void {
    this.previousId = this.lastId;
    this.lastId = id;
    if (!this.tracked) this.lastMark = new AsyncResource('DCF_CALL').asyncId();
  }

  /** Runs code that belongs to the call with this number. */
  run<Result>(id: number, code: () => Result): Result {
    return this.ids.run(id, code);
  }

  /**
   * Whether the code that is running now, such as that of a timer, was set up before the last call began, and so not by that call.
   * For promises Node knows no such order.
   */
  private get madeEarlier(): boolean {
    const id = executionAsyncId();
    return !this.tracked && id > 0 && id < this.lastMark;
  }
}
