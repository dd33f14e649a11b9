import { DcfError, isNotStarted, notStarted } from '../../core/errors.js';
import type { Outcome } from '../../pool/calls/invocation.js';
import { FunctionPool } from '../../pool/function-pool.js';
import type { LogLine } from '../../pool/output/log-line.js';
import type { PoolOptions } from '../../pool/pool-options.js';
import type { Isolation } from '../../process/confinement.js';
import type { RevisionSecrets } from '../../registry/secrets/revision-secrets.js';

/** A pool whose replicas have secrets. Secrets are masked in what the replicas log and answer with. Their files are deleted with the pool. */
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
        // Read whenever a replica starts, so that it gets the present values of the secrets.
        get environment() {
          return { ...spec.environment, ...secrets.environment() };
        },
      },
      onLog: (replica, line) => onLog(replica, { ...line, text: hideIn(line, secrets) }),
    });
  }

  /** Whether a secret has changed since a replica was last started. */
  get outdated(): boolean {
    return this.secrets.outdated;
  }

  /** The text with its secrets masked. */
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

  /** Masks the error of a call before its caller gets it; also of calls that another pool has handed over. */
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

/** Adds the folder of secrets to what a sandbox can read: it hides the rest of the data directory. */
function withFiles(isolation: Isolation, directory: string): Isolation {
  return isolation.kind === 'process' ? isolation : { ...isolation, readOnly: [...isolation.readOnly, directory] };
}

/** A text that comes from a pool's replicas, such as why one failed, with its secrets masked. */
export function withoutSecrets(pool: FunctionPool, text: string): string {
  return pool instanceof SecretPool ? pool.hide(text) : text;
}

/** Whether a secret has changed since a pool's replicas were started. */
export function isOutdated(pool: FunctionPool): boolean {
  return pool instanceof SecretPool && pool.outdated;
}
