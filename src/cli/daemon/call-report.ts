import type { CallReport } from '@dcf/sdk';
import type { LogEntry } from '@dcf/sdk/contract';
import { formatDuration, formatSize } from '@dcf/sdk/units';
import { errorColours, note, plain } from '../terminal/output.js';
import { formatEntry } from './log-entry.js';

/** What is known about a call that has ended. For a call that failed, parts of the report may be missing. */
export interface ReportedCall {
  /** The gRPC status of the call, such as `OK`. */
  status: string;
  report: Partial<CallReport>;
  /** What the function logged during the call. */
  logs: readonly LogEntry[];
}

/** Shows a call's report and its log lines on stderr: stdout is for the output alone. */
export function noteReport(call: ReportedCall): void {
  const rows = reportRows(call);
  const width = Math.max(...rows.map(([key]) => key.length)) + 2;
  note(errorColours.underline('Report'));
  for (const [key, value] of rows) note(`  ${`${key}:`.padEnd(width)}${plain(value)}`);
  if (call.logs.length === 0) return;
  note(errorColours.underline('Log'));
  for (const entry of call.logs) note(`  ${formatEntry(entry, errorColours)}`);
}

function reportRows({ status, report }: ReportedCall): [key: string, value: string][] {
  const { id = '', revision = '', replica = 0, worker = 0, batchSize = 1, cold = false, providers = [], totalMs, attempts = 1 } = report;
  const ran = replica > 0;
  const rows: [string, string][] = [
    ['call', id],
    ['status', status],
    ['revision', revision],
    ['ran in', ran ? `replica ${replica}, worker ${worker}` : ''],
    ['start', ran ? (cold ? 'cold: the call waited for a replica to start' : 'warm') : ''],
    ['queue', time(report.queueMs)],
    ['run', ran ? time(report.runMs) : ''],
    ['total', `${time(totalMs)}${attempts > 1 ? `, ${attempts} attempts` : ''}`],
    ['batch', batchSize > 1 ? `${batchSize} calls` : ''],
    ['providers', providers.join(', ')],
    ['memory', memory(report)],
  ];
  return rows.filter(([, value]) => value !== '');
}

function time(milliseconds: number | undefined): string {
  if (milliseconds === undefined) return '';
  return milliseconds < 1 ? `${milliseconds.toFixed(2)} ms` : formatDuration(milliseconds);
}

function memory({ memory: now = 0, peakMemory = 0 }: Partial<CallReport>): string {
  if (now === 0) return '';
  return peakMemory === 0 ? formatSize(now) : `${formatSize(now)}, at most ${formatSize(peakMemory)}`;
}
