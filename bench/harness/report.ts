import { mkdir, writeFile } from 'node:fs/promises';
import type { Judged, Limit } from './finding.js';
import type { Machine } from './machine.js';
import { repositoryPath } from './paths.js';
import type { Summary } from './statistics.js';

/** A finding as lines of text. */
export function describeFinding(judged: Judged): string {
  const { finding, verdict } = judged;
  const heading = `  ${finding.what}, ${finding.unit}`;
  const end = finding.limit === undefined ? '' : `  ${describeLimit(finding.limit)}: ${verdict === 'pass' ? 'pass' : 'MISS'}`;
  if ('summary' in judged) return `${heading}\n    ${describeSummary(judged.summary)}${end}`;
  const { subject, peer } = judged.finding;
  const width = Math.max(subject.name.length, peer.name.length, 'ratio'.length);
  return [
    heading,
    `    ${subject.name.padEnd(width)}  ${describeSummary(judged.subject)}`,
    `    ${peer.name.padEnd(width)}  ${describeSummary(judged.peer)}`,
    `    ${'ratio'.padEnd(width)}  ${describeSummary(judged.ratio)}${end}`,
  ].join('\n');
}

export function describeMachineLine({ cpu, cores, memory, system, loadAverage, versions }: Machine): string {
  const busy = loadAverage > cores / 2 ? ' (others use this machine: the figures will wobble)' : '';
  return `${cpu}, ${cores} cores, ${memory} GiB, ${system}, Node ${versions['node']}, load ${loadAverage.toFixed(2)}${busy}`;
}

/** Writes what one benchmark found to bench/results/. Resolves with the path, relative to the repository. */
export async function writeResults(benchmark: string, machine: Machine, judged: readonly Judged[]): Promise<string> {
  const date = new Date().toISOString();
  const path = `bench/results/${date.slice(0, 19).replaceAll(':', '-')}-${benchmark}.json`;
  await mkdir(repositoryPath('bench/results'), { recursive: true });
  await writeFile(repositoryPath(path), `${JSON.stringify({ benchmark, date, machine, findings: judged }, null, 2)}\n`);
  return path;
}

function describeSummary({ median, min, max }: Summary): string {
  return min === max ? format(median) : `${format(median)} (${format(min)}–${format(max)})`;
}

function describeLimit({ kind, value }: Limit): string {
  return `limit: ${kind} ${format(value)}`;
}

/** Three digits that count, as people write them. */
function format(value: number): string {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)));
  return value.toLocaleString('en-US', {
    maximumFractionDigits: Math.min(digits, 3),
    minimumFractionDigits: value === 0 ? 0 : Math.min(digits, 2),
  });
}
