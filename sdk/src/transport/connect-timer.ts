import type { AttemptFacts, Failure } from './failure.js';
import type { OpenChannel } from './open-channel.js';

/** How long a connection may take to be made. Without this limit, a call to a host that drops all packets would wait until its deadline. */
const connectTimeoutMs = 10_000;

/** Cancels a call that still has no connection after ten seconds. */
export class ConnectTimer {
  #gaveUp = false;
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(channel: OpenChannel, cancel: () => void) {
    const look = (): void => {
      this.#gaveUp = !channel.isConnected();
      if (this.#gaveUp) cancel();
    };
    this.#timer = channel.isConnected() ? undefined : setTimeout(look, connectTimeoutMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** The failure of a call that this timer has cancelled; `undefined` for any other. */
  failure({ sent }: AttemptFacts): Failure | undefined {
    return this.#gaveUp && !sent ? { kind: 'unsent', details: `no connection within ${connectTimeoutMs / 1000} s` } : undefined;
  }
}
