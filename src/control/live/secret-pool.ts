import { DcfError, isNotStarted, notStarted } from '../../core/errors.js';
import type { Outcome } from '../../pool/calls/invocation.js';
import { FunctionPool } from '../../pool/function-pool.js';
import type { LogLine } from '../../pool/output/log-line.js';
import type { PoolOptions } from '../../pool/pool-options.js';
import type { Isolation } from '../../process/confinement.js';
import type { RevisionSecrets } from '../../registry/secrets/revision-secrets.js';

/** A pool whose replicas have secrets. What they say reaches nobody with a secret in it; their files go when the pool does. */
export class SecretPool extends FunctionPool {
  constructor(
    options: PoolOptions,
    private readonly secrets: RevisionSecrets,
  ) {
    const { spec, onLog } = options;
    super({
      ...options,
      spec: {
        ...spec,
        confinement: { ...spec.confinement, isolation: withFiles(spec.confinement.isolation, secrets.directory) },
        // Read whenever a replica starts, so that each gets the secrets as they are then.
        get environment() {
          return { ...spec.environment, ...secrets.environment() };
        },
      },
      onLog: (replica, line) => onLog(replica, { ...line, text: hideIn(line, secrets) }),
    });
  }

  /** Whether a secret was changed since a replica was started last. */
  get outdated(): boolean {
    return this.secrets.outdated;
  }

  hide(text: string): string {
    return this.secrets.hide(text);
  }

  override async start(): Promise<void> {
    await this.hiding(() => super.start());
  }

  override async restore(): Promise<void> {
    await this.hiding(() => super.restore());
  }

  override async stop(graceMs: number): Promise<void> {
    try {
      await super.stop(graceMs);
    } finally {
      await this.secrets.close();
    }
  }

  /** Comes before the caller is told, and for calls, too, that another pool has handed over. */
  override settled(outcome: Outcome): void {
    if (!outcome.ok) outcome.error = this.hideIn(outcome.error);
    super.settled(outcome);
  }

  private async hiding(run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      throw this.hideIn(error);
    }
  }

  private hideIn<Thrown>(error: Thrown): Thrown | DcfError {
    if (!DcfError.is(error)) return error;
    const message = this.hide(error.message);
    const cause = error.cause instanceof Error ? this.hideInCause(error.cause) : error.cause;
    if (message === error.message && cause === error.cause) return error;
    const { code, reason, retryAfterMs } = error;
    const options = { cause, reason, retryAfterMs };
    return isNotStarted(error) ? notStarted(message, options) : new DcfError(code, message, options);
  }

  private hideInCause(cause: Error): Error {
    const stack = this.hide(cause.stack ?? '');
    const message = this.hide(cause.message);
    if (stack === cause.stack && message === cause.message) return cause;
    const hidden = new Error(message);
    hidden.stack = stack;
    return hidden;
  }
}

function hideIn({ text, part }: LogLine, secrets: RevisionSecrets): string {
  return part === undefined ? secrets.hide(text) : secrets.hidePart(text, part);
}

/** A sandbox shows nothing of the data directory that it is not told to. */
function withFiles(isolation: Isolation, directory: string): Isolation {
  return isolation.kind === 'process' ? isolation : { ...isolation, readOnly: [...isolation.readOnly, directory] };
}

/** A text that a pool's replicas have made, such as why one failed, with no secret in it. */
export function withoutSecrets(pool: FunctionPool, text: string): string {
  return pool instanceof SecretPool ? pool.hide(text) : text;
}

/** Whether a secret was changed since a pool's replicas were started. */
export function isOutdated(pool: FunctionPool): boolean {
  return pool instanceof SecretPool && pool.outdated;
}
