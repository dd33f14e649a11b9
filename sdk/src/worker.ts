/**
 * Where the runtime of a replica puts the link for this package: in a property of `globalThis` and not in a variable of this module,
 * because a function may bring its own copy of this package. Each worker thread has a `globalThis` of its own.
 */
const key = Symbol.for('dcf.worker');

/** What the runtime tells this package about the worker in which it runs. */
export interface WorkerLink {
  /** The execution providers that a session may use here, best first. */
  readonly providers: readonly string[];
  /** Tells the runtime which provider a session has got. */
  readonly sessionCreated: (provider: string) => void;
}

/** Called by the runtime before the Handler is built. */
export function setWorkerLink(link: WorkerLink): void {
  Reflect.set(globalThis, key, link);
}

/** The link to the worker in which this code runs; `undefined` outside of a replica. */
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
