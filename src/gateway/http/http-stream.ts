import type { Outcome, Output, ReplyHead, StreamCaller, StreamedCall } from '../../pool/calls/invocation.js';
import type { Exchange } from './http-exchange.js';

/** An answer whose output comes in chunks: each is sent as it comes, and uses the call's credit until the system has accepted it. */
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

  /** Does nothing: over HTTP the whole input is there before the call starts. */
  room(): void {}

  /** Ends the answer. If the call failed, the connection is closed, so that the client does not take the part that it has for the whole. */
  finish(outcome: Outcome): void {
    if (outcome.ok) this.exchange.endStream();
    else this.exchange.cut();
  }
}
