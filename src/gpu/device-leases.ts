import { languageOf } from '@dcf/sdk/languages';
import type { Manifest, ProviderName } from '@dcf/sdk/manifest';
import { startTimer } from '../core/deadline.js';
import { DcfError } from '../core/errors.js';
import { defer } from '../core/promises.js';

/** A device of the host, and its use. */
interface SharedDevice {
  readonly name: string;
  /** How many replicas have it. */
  replicas: number;
  /** Resolves when all replicas that build on it, or wait for their turn, have ended their turns. */
  lastTurn: Promise<void>;
}

/** How long a start waits for others on its device: a start that hangs must not stop all other functions. */
const longestWaitMs = 30_000;

const nothing = (): void => undefined;

/** Gives the devices of the host to replicas; the devices with the fewest replicas come first. */
export class DeviceLeases {
  private readonly devices: readonly SharedDevice[];

  /**
   * @param names - device numbers as in `CUDA_VISIBLE_DEVICES`
   * @param waitMs - the longest wait for a turn, after which the replica builds all the same. @default 30 s
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
 * How many devices each replica of a function gets: `limits.gpu`, or, without it, one if the function uses a device. A Python function
 * may use a device through its own libraries, so the providers in its manifest count; for a Node function those that work here.
 *
 * @param chosen - the execution providers that the function gets on this host
 * @param found - how many devices this host has
 * @throws DcfError FAILED_PRECONDITION when the function asks for more devices than there are
 */
export function devicesFor({ limits, providers, runtime }: Manifest, chosen: readonly string[], found: number): number {
  if (limits.gpu > found) throw tooFew(limits.gpu, found);
  if (limits.gpu > 0) return limits.gpu;
  const usable = languageOf(runtime).ownProviders ? providers : providers.filter((provider) => chosen.includes(provider));
  return usable.some((provider) => onDevices.includes(provider)) ? Math.min(1, found) : 0;
}

/** The error for a function that wants more devices than the host has. */
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
    // The next replica also waits for all turns before this one: a replica that gave up its wait must not end the turns of others.
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
    const abort = (): void => over.reject(new DcfError('CANCELLED', 'the replica was stopped while it waited for its device'));
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
