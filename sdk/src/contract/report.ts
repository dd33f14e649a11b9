/** What the daemon tells of a call that it took. Times are in milliseconds, memory in bytes. */
export interface DaemonReport {
  /** The call's id. */
  id: string;
  revision: string;
  /** 0 when no replica was given the call. */
  replica: number;
  worker: number;
  /** Until it began to run, or ended without. */
  queueMs: number;
  runMs: number;
  /** Calls that the Handler got at once with it, itself included. */
  batchSize: number;
  /** The execution providers that the Handler's sessions use. */
  providers: readonly string[];
  /** It had to wait for a replica to be started. */
  cold: boolean;
  /** Bytes that the replica has in memory now, and the most that it ever had; 0 where it is not known. */
  memory: number;
  peakMemory: number;
  /** The function whose Handler has made the call; missing for a call from outside. */
  caller?: string | undefined;
}

const texts = ['id', 'revision'] as const;
const numbers = ['replica', 'worker', 'queueMs', 'runMs', 'batchSize', 'memory', 'peakMemory'] as const;

/** A worker may call its execution providers what it likes, but the report has to fit a header. */
const maxProviders = 8;
const maxProviderLength = 40;

/** A report as the value of the trailer or header `dcf-report`: JSON in printable ASCII, under 3 KiB. */
export function encodeReport(report: DaemonReport): string {
  const { id, revision, replica, worker, batchSize, cold, memory, peakMemory } = report;
  const queueMs = microseconds(report.queueMs);
  const runMs = microseconds(report.runMs);
  const providers = report.providers.slice(0, maxProviders).map((name) => name.slice(0, maxProviderLength));
  const ordered = { id, revision, replica, worker, queueMs, runMs, batchSize, providers, cold, memory, peakMemory };
  return JSON.stringify(ordered satisfies DaemonReport).replace(/[^\x20-\x7e]/g, escapeUnit);
}

/** Reads `dcf-report`; `undefined` when it is none. */
export function decodeReport(text: string): DaemonReport | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isReport(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** What the trailers of a call tell of it: nothing, its id, or all. `read` gives the trailer with a name. */
export function parseReport(read: (key: string) => string | undefined): Partial<DaemonReport> {
  const id = read('dcf-request-id');
  return decodeReport(read('dcf-report') ?? '') ?? (id === undefined ? {} : { id });
}

/** Rounded to them: more digits say nothing. */
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

/** How a call went. What the daemon would have told is missing when it was not asked, or is of an older version. */
export interface CallReport extends Partial<DaemonReport> {
  /** Milliseconds, from `invoke` to the output, the retries included. */
  totalMs: number;
  /** 1 when the first try did it. Only tries that certainly did not start the call are followed by another. */
  attempts: number;
}
