import { AsyncLocalStorage, AsyncResource, executionAsyncId } from 'node:async_hooks';
import type { LinkedList } from '../../../core/linked-list.js';
import type { WorkerRequest } from './request.js';

/**
 * Which call it is whose code runs: for the lines that it logs, and to find the one at fault for what nobody caught. With one call
 * at a time there is no doubt, and no need to pay for asynchronous context.
 */
export class CurrentCall {
  /** Whether the code of a call has to be run with `run`. */
  readonly tracked: boolean;
  private readonly ids = new AsyncLocalStorage<number>();
  /** Number of the call that was started last, and of the call before it. */
  private lastId = 0;
  private previousId = 0;
  /** What was made before the last call began has a lower asynchronous id. */
  private lastMark = 0;

  /**
   * @param concurrency - calls, or batches, in the Handler at the same time
   * @param running - the calls that it has
   */
  constructor(
    concurrency: number,
    private readonly running: LinkedList<WorkerRequest>,
  ) {
    this.tracked = concurrency > 1;
  }

  /** Its number; 0 for none. */
  get id(): number {
    if (this.tracked) return this.ids.getStore() ?? 0;
    return this.running.size === 1 ? (this.running.first?.wireId ?? 0) : 0;
  }

  /** The number of the call that most likely left behind what has just failed outside any call; 0 for none. */
  get suspectId(): number {
    return this.madeEarlier ? this.previousId : this.id || this.lastId;
  }

  /** The calls that may wait in vain for what has just failed outside of them. */
  get suspects(): WorkerRequest[] {
    if (this.madeEarlier) return [];
    const suspects: WorkerRequest[] = [];
    const id = this.ids.getStore();
    for (let request = this.running.first; request !== undefined; request = request.next) {
      if (!this.tracked || request.wireId === id) suspects.push(request);
    }
    return suspects;
  }

  /** The call with this number begins; 0 for several at once. */
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
   * Whether what is executed now, such as a timer, was made before the last call began: then that call is not to blame for it.
   * Promises have no such id.
   */
  private get madeEarlier(): boolean {
    const id = executionAsyncId();
    return !this.tracked && id > 0 && id < this.lastMark;
  }
}
