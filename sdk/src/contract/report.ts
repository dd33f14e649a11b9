/** The daemon's report of a call that it accepted. Times are in milliseconds, memory is in bytes. */
export interface DaemonReport {
  /** The call's id. */
  id: string;
  /** The id of the revision that the call went to. */
  revision: string;
  /** The number of the replica, from 1; 0 if the call was sent to none. */
  replica: number;
  /** The number of the worker in its replica, from 0. */
  worker: number;
  /** Time in the queue, until the call began to run, or ended without running. */
  queueMs: number;
  /** Time in the Handler. */
  runMs: number;
  /** Number of calls in the batch, including this one; 1 for a call that was not batched. */
  batchSize: number;
  /** The execution providers that the Handler's sessions use. */
  providers: readonly string[];
  /** Whether the call had to wait for a replica to start. */
  cold: boolean;
  /** Memory that the replica uses now; 0 if unknown. */
  memory: number;
  /** The most memory that the replica ever used; 0 if unknown. */
  peakMemory: number;
  /** The function whose Handler made the call; missing for a call from outside. */
  caller?: string | undefined;
}

const texts = ['id', 'revision'] as const;
const numbers = ['replica', 'worker', 'queueMs', 'runMs', 'batchSize', 'memory', 'peakMemory'] as const;

/** Number of execution providers in a report. A worker may give any names, but the report has to fit into a header. */
const maxProviders = 8;
const maxProviderLength = 40;

/** Writes a report as the value of the trailer or header `dcf-report`: JSON in printable ASCII, shorter than 3 KiB. */
export function encodeReport(report: DaemonReport): string {
  const { id, revision, replica, worker, batchSize, cold, memory, peakMemory } = report;
  const queueMs = microseconds(report.queueMs);
  const runMs = microseconds(report.runMs);
  const providers = report.providers.slice(0, maxProviders).map((name) => name.slice(0, maxProviderLength));
  const ordered = { id, revision, replica, worker, queueMs, runMs, batchSize, providers, cold, memory, peakMemory };
  return JSON.stringify(ordered satisfies DaemonReport).replace(/[^\x20-\x7e]/g, escapeUnit);
}

/** Reads the value of `dcf-report`; `undefined` if it is not a report. */
export function decodeReport(text: string): DaemonReport | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isReport(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Reads the report from the trailers of a call: all of it, only the call's id, or nothing.
 *
 * @param read - returns the trailer of a name
 */
export function parseReport(read: (key: string) => string | undefined): Partial<DaemonReport> {
  const id = read('dcf-request-id');
  return decodeReport(read('dcf-report') ?? '') ?? (id === undefined ? {} : { id });
}

/** Milliseconds, rounded to microseconds. */
function microseconds(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000;
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function isReport(value: unknown): value is DaemonReport {
  if (typeof value !== 'object' || value === null) return false;
  const read = (key: keyof DaemonReport): unknown => Reflect.get(value, key);
  const providers = read('providers');
  return (
    texts.every((key) => typeof read(key) === 'string') &&
    numbers.every((key) => Number.isFinite(read(key))) &&
    typeof read('cold') === 'boolean' &&
    Array.isArray(providers) &&
    providers.every((name) => typeof name === 'string')
  );
}

/** How a call went. The daemon's part is missing if the client did not ask for it, or the daemon is of an older version. */
export interface CallReport extends Partial<DaemonReport> {
  /** Milliseconds from the start of the call to its output, with all tries. */
  totalMs: number;
  /** Number of tries. A try is repeated only if it certainly did not start the call. */
  attempts: number;
}
