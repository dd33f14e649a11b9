import { StatusError } from './status.js';

type State =
  | { kind: 'open' }
  /** Somebody waits for the next request. */
  | { kind: 'awaited'; resolve: (result: IteratorResult<unknown, undefined>) => void; reject: (error: Error) => void }
  | { kind: 'ended' }
  | { kind: 'failed'; error: Error };

/** The requests of one call, in their order: a request is asked for when the one before it was taken. */
export class RequestQueue implements AsyncIterable<unknown> {
  private state: State = { kind: 'open' };
  /** Requests that have come and that nobody has taken: one, as the next is not asked for before. */
  private readonly waiting: unknown[] = [];
  private last = false;
  /** Whether the first request, which comes without being asked for, has been taken. */
  private begun = false;

  /** @param ask - asks for the next request */
  constructor(private readonly ask: () => void) {}

  /** Takes a request that has come. */
  push(request: unknown): void {
    const { state } = this;
    if (state.kind !== 'awaited') {
      this.waiting.push(request);
      return;
    }
    this.state = { kind: 'open' };
    state.resolve({ done: false, value: request });
  }

  /** No further request comes. */
  end(): void {
    this.last = true;
    const { state } = this;
    if (state.kind === 'failed') return;
    this.state = { kind: 'ended' };
    if (state.kind === 'awaited') state.resolve({ done: true, value: undefined });
  }

  /** The call is over: whoever waits for a request, now or later, gets the error. */
  fail(error: Error): void {
    const { state } = this;
    this.state = { kind: 'failed', error };
    if (state.kind === 'awaited') state.reject(error);
  }

  /** The request of a call that has exactly one. @throws StatusError when there is none, or another one after it */
  async only(): Promise<unknown> {
    const first = await this.take();
    if (first.done === true) throw new StatusError('UNIMPLEMENTED', 'the call came without a request message');
    const second = await this.take();
    if (second.done !== true)
      throw new StatusError('UNIMPLEMENTED', 'the call came with a second request message, and the method takes one');
    return first.value;
  }

  [Symbol.asyncIterator](): AsyncIterator<unknown, undefined> {
    return { next: () => this.take() };
  }

  private async take(): Promise<IteratorResult<unknown, undefined>> {
    const { state } = this;
    if (state.kind === 'failed') throw state.error;
    if (this.begun && !this.last && this.waiting.length === 0) this.ask();
    this.begun = true;
    if (this.waiting.length > 0) return { done: false, value: this.waiting.shift() };
    return this.wait();
  }

  private wait(): Promise<IteratorResult<unknown, undefined>> {
    const { state } = this;
    if (state.kind === 'ended') return Promise.resolve({ done: true, value: undefined });
    if (state.kind === 'failed') return Promise.reject(state.error);
    return new Promise((resolve, reject) => {
      this.state = { kind: 'awaited', resolve, reject };
    });
  }
}
