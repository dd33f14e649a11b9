import type { Outcome, Output, ReplyHead, StreamCaller, StreamedCall } from '../../pool/calls/invocation.js';
import type { Exchange } from './http-exchange.js';

/** An answer whose output comes in chunks: each goes out as it comes, and counts until the system has it. */
export class HttpStream implements StreamCaller {
  private chosen: ReplyHead | undefined;
  private begun = false;

  constructor(
    private readonly exchange: Exchange,
    private readonly call: StreamedCall,
  ) {}

  head(head: ReplyHead): void {
    this.chosen = head;
  }

  chunk({ output, kind, release }: Output): void {
    const { exchange } = this;
    if (!this.begun) exchange.beginStream(this.chosen, kind);
    this.begun = true;
    const { length } = output;
    exchange.write(output, () => {
      release(output);
      this.call.taken(length);
    });
  }

  /** Nothing comes over HTTP but what was there before. */
  room(): void {}

  /** The call is over. One that fails now ends its connection, so that nobody takes what was sent for all of it. */
  finish(outcome: Outcome): void {
    if (outcome.ok) this.exchange.endStream();
    else this.exchange.cut();
  }
}
