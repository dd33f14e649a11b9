import { languageOf } from '@dcf/sdk/languages';
import type { Manifest, ProviderName } from '@dcf/sdk/manifest';
import { startTimer } from '../core/deadline.js';
import { DcfError } from '../core/errors.js';
import { defer } from '../core/promises.js';

/** What one of the host's devices is used for. */
interface SharedDevice {
  readonly name: string;
  replicas: number;
  /** Settles when the last of those that build on it, or wait to, has ended its turn. */
  lastTurn: Promise<void>;
}

/** How long a start waits for another one on its device: one that hangs must not be felt by every function. */
const longestWaitMs = 30_000;

const nothing = (): void => undefined;

/** Shares the devices of the host out among the replicas, those with the fewest replicas first. */
export class DeviceLeases {
  private readonly devices: readonly SharedDevice[];

  /**
   * @param names - as `CUDA_VISIBLE_DEVICES` counts them
   * @param waitMs - how long a turn may be waited for
   */
  constructor(
    names: readonly string[],
    private readonly waitMs = longestWaitMs,
  ) {
    this.devices = names.map((name) => ({ name, replicas: 0, lastTurn: Promise.resolve() }));
  }

  /** How many devices there are. */
  get count(): number {
    return this.devices.length;
  }

  /**
   * Gives `count` devices to a replica.
   *
   * @throws DcfError FAILED_PRECONDITION when the host has fewer
   */
  take(count: number): Lease {
    if (count > this.count) throw tooFew(count, this.count);
    const leased = this.devices.toSorted((a, b) => a.replicas - b.replicas).slice(0, count);
    for (const device of leased) device.replicas += 1;
    return new Lease(
      this.devices.filter((device) => leased.includes(device)),
      this.waitMs,
    );
  }
}

const onDevices: readonly ProviderName[] = ['cuda', 'tensorrt'];

/**
 * How many devices each replica of a function gets: what it asks for, otherwise one if it would use one. A Python function may
 * use a device through libraries of its own, so there its wish counts; a Node function can only use what was found to work.
 *
 * @param chosen - the execution providers that it gets on this host
 * @param found - the devices of this host
 * @throws DcfError FAILED_PRECONDITION when it asks for more than there are
 */
export function devicesFor({ limits, providers, runtime }: Manifest, chosen: readonly string[], found: number): number {
  if (limits.gpu > found) throw tooFew(limits.gpu, found);
  if (limits.gpu > 0) return limits.gpu;
  const usable = languageOf(runtime).ownProviders ? providers : providers.filter((provider) => chosen.includes(provider));
  return usable.some((provider) => onDevices.includes(provider)) ? Math.min(1, found) : 0;
}

/** What is said when a function wants more devices than the host has. */
function tooFew(wanted: number, found: number): DcfError {
  const has = found === 0 ? 'no NVIDIA device' : `${found === 1 ? '1 device' : `${found} devices`}`;
  return new DcfError('FAILED_PRECONDITION', `limits.gpu is ${wanted}; this host has ${has} (dcf doctor shows them)`);
}

class Lease {
  readonly devices: readonly string[];
  private released = false;

  constructor(
    private readonly shared: readonly SharedDevice[],
    private readonly waitMs: number,
  ) {
    this.devices = shared.map(({ name }) => name);
  }

  async turn(signal: AbortSignal): Promise<() => void> {
    if (this.shared.length === 0) return nothing;
    const own = defer<void>();
    const before = Promise.all(this.shared.map(({ lastTurn }) => lastTurn));
    // Whoever comes next waits for all that came before as well: one that gave up waiting ends nobody else's turn.
    const after = Promise.all([before, own.promise]).then(nothing);
    for (const device of this.shared) device.lastTurn = after;
    try {
      await this.wait(before, signal);
    } catch (error) {
      own.resolve();
      throw error;
    }
    return own.resolve;
  }

  release(): void {
    if (this.released) return;
    this.released = true;
    for (const device of this.shared) device.replicas -= 1;
  }

  private async wait(before: Promise<unknown>, signal: AbortSignal): Promise<void> {
    const over = defer<void>();
    const abort = (): void => over.reject(new DcfError('CANCELLED', 'it was stopped while it waited for its device'));
    const cancelTimer = startTimer(this.waitMs, over.resolve);
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
    try {
      await Promise.race([before, over.promise]);
    } finally {
      cancelTimer();
      signal.removeEventListener('abort', abort);
    }
  }
}
