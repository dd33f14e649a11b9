/**
 * What the runtime of a replica tells this package about the worker that it runs in. It goes through the symbol registry
 * of the process and not through a module variable, because a function may bring its own copy of this package. Each
 * worker thread has a registry entry of its own.
 */
const key = Symbol.for('dcf.worker');

export interface WorkerLink {
  /** The execution providers that a session may use here, best first. */
  readonly providers: readonly string[];
  /** To be called with the provider that a session really got. */
  readonly sessionCreated: (provider: string) => void;
}

/** Called by the runtime before the Handler is built. */
export function setWorkerLink(link: WorkerLink): void {
  Reflect.set(globalThis, key, link);
}

/** The worker that this code runs in; `undefined` outside a replica. */
export function workerLink(): WorkerLink | undefined {
  const value: unknown = Reflect.get(globalThis, key);
  return isWorkerLink(value) ? value : undefined;
}

function isWorkerLink(value: unknown): value is WorkerLink {
  return (
    typeof value === 'object' &&
    value !== null &&
    'providers' in value &&
    Array.isArray(value.providers) &&
    'sessionCreated' in value &&
    typeof value.sessionCreated === 'function'
  );
}
