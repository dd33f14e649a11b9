import type { FunctionDescription, FunctionSummary, ReplicaDescription, RevisionDescription } from '@dcf/sdk/contract';
import { formatDuration, formatSize } from '@dcf/sdk/units';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { formatCanary } from '../daemon/canary.js';
import { withControl } from '../daemon/clients.js';
import { type ConnectionOptions, connectionOf } from '../daemon/config.js';
import { parseName } from '../terminal/arguments.js';
import { formatTable, outColours, plain, print, printJson } from '../terminal/output.js';

interface DescribeOptions extends ConnectionOptions {
  json?: boolean;
}

export function addDescribe(program: Command): void {
  program
    .command('describe')
    .description('show everything about a function: revisions, replicas, workers, manifest')
    .argument('<name>', 'the function', parseName)
    .option('--json', 'print it as JSON')
    .addHelpText('after', '\nExample:\n  dcf describe digits\n')
    .action(async (name: string, _options: object, command: Command) => {
      await describe(name, command.optsWithGlobals<DescribeOptions>());
    });
}

async function describe(name: string, options: DescribeOptions): Promise<void> {
  const description = await withControl(connectionOf(options), (client) => client.describe(name));
  if (options.json === true) await printJson({ ...description, manifest: readManifest(description.manifest) });
  else await print(formatDescription(description));
}

/** Formats a description in sections for people, with times in UTC. */
export function formatDescription(description: FunctionDescription): string {
  const { summary, revisions, replicas, aliases, manifest } = description;
  const sections: [string, string][] = [];
  if (summary !== null) sections.push([summary.name, formatSummary(summary, description)]);
  sections.push(['Revisions', revisions.length === 0 ? '' : formatTable([revisionHead, ...revisions.map(revisionRow)])]);
  sections.push([
    'Canary',
    formatCanary(description)
      .map((line) => `${line}\n`)
      .join(''),
  ]);
  sections.push(['History', description.history.map(({ revision, at }) => `${revision}  active since ${formatTime(at)}\n`).join('')]);
  sections.push([
    'Aliases',
    Object.entries(aliases)
      .map(([alias, revision]) => `${plain(alias)}  ${revision}\n`)
      .join(''),
  ]);
  const head = ['REPLICA', 'REVISION', 'PID', 'STATE', 'STARTED', 'WORKER', 'STATE', 'PROVIDERS', 'INIT', 'CALLS', 'RUNNING'];
  sections.push(['Replicas', replicas.length === 0 ? '' : formatTable([head, ...replicas.flatMap(replicaRows)])]);
  const running = replicas.filter((replica) => replica.isolation !== '');
  const processHead = ['REPLICA', 'ISOLATION', 'NETWORK', 'DEVICES', 'MEMORY', 'PEAK', 'LIMIT', 'BY'];
  sections.push(['Processes', running.length === 0 ? '' : formatTable([processHead, ...running.map(processRow)])]);
  sections.push(['Manifest, with every default', plain(stringify(readManifest(manifest)))]);
  return sections
    .filter(([, text]) => text !== '')
    .map(([title, text]) => `${outColours.underline(title)}\n${text.replace(/^(?=.)/gm, '  ')}`)
    .join('\n');
}

function formatSummary(summary: FunctionSummary, description: FunctionDescription): string {
  const { queued, running, batches, lastFailure, lastFailureAt } = description;
  const facts: [string, string][] = [
    ['description', summary.description],
    ['revision', summary.revision],
    ['runtime', summary.runtime],
    ['state', summary.reason === '' ? summary.state : `${summary.state}: ${summary.reason}`],
    ['replicas', `${summary.readyReplicas} of ${summary.replicas} ready`],
    ['calls', `${summary.calls}, ${summary.errors} of them failed; now ${running} running, ${queued} queued`],
    ['batches', formatBatches(batches)],
    ['providers', summary.providers.join(', ')],
    ['last failure', lastFailureAt === 0 ? '' : `${lastFailure} (${formatTime(lastFailureAt)})`],
  ];
  return facts
    .filter(([, value]) => value !== '')
    .map(([key, value]) => `${`${key}:`.padEnd(14)}${plain(value)}\n`)
    .join('');
}

function formatBatches(batches: FunctionDescription['batches']): string {
  if (batches.length === 0) return '';
  const count = batches.reduce((sum, batch) => sum + batch.count, 0);
  const calls = batches.reduce((sum, batch) => sum + batch.size * batch.count, 0);
  return `${count}, of ${(calls / count).toFixed(1)} calls on average`;
}

const revisionHead = ['REVISION', 'CREATED', 'SIZE', 'FILES', 'STATE', 'READY', 'BOUNDS', 'TRAFFIC', 'ALIASES', 'CALLS', 'ERRORS', ''];

function revisionRow(revision: RevisionDescription): string[] {
  const { state, replicas, readyReplicas, minReplicas, maxReplicas, percent, aliases } = revision;
  return [
    revision.revision,
    formatTime(revision.createdAt),
    formatSize(revision.size),
    String(revision.files),
    state || '-',
    state === '' ? '-' : `${readyReplicas}/${replicas}`,
    `${minReplicas}-${maxReplicas}`,
    percent === 0 ? '-' : `${percent}%`,
    aliases.join(',') || '-',
    String(revision.calls),
    String(revision.errors),
    revision.active ? 'active' : '',
  ];
}

function replicaRows({ id, revision, pid, state, startedAt, workers }: ReplicaDescription): string[][] {
  const replica = [String(id), revision, String(pid), state, formatTime(startedAt)];
  if (workers.length === 0) return [replica];
  return workers.map((worker, index) => [
    ...(index === 0 ? replica : replica.map(() => '')),
    String(worker.index),
    worker.state,
    worker.providers.join(',') || '-',
    formatDuration(worker.initMs),
    String(worker.calls),
    String(worker.running),
  ]);
}

function processRow(replica: ReplicaDescription): string[] {
  const { id, isolation, network, devices, memory, peakMemory, memoryLimit, memoryGuard } = replica;
  const limit = memoryLimit === 0 ? 'none' : formatSize(memoryLimit);
  const allowed = [isolation, network ? 'yes' : 'no', devices.join(',') || '-'];
  return [String(id), ...allowed, formatSize(memory), formatSize(peakMemory), limit, memoryGuard || '-'];
}

function formatTime(unixMilliseconds: number): string {
  return unixMilliseconds === 0 ? '-' : new Date(unixMilliseconds).toISOString();
}

function readManifest(json: string): unknown {
  return json === '' ? {} : JSON.parse(json);
}
