import type { AttemptFacts, Failure } from './failure.js';
import type { OpenChannel } from './open-channel.js';

/** A host that drops what it gets never answers; without this a call would find out at its deadline only. */
const connectTimeoutMs = 10_000;

/** Gives a call up that still has no connection after ten seconds. */
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

  /** Why the call failed, where this is why. */
  failure({ sent }: AttemptFacts): Failure | undefined {
    return this.#gaveUp && !sent ? { kind: 'unsent', details: `no connection within ${connectTimeoutMs / 1000} s` } : undefined;
  }
}
