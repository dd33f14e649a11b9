import type { FunctionSummary } from '@dcf/sdk/contract';
import type { Command } from 'commander';
import { withControl } from '../daemon/clients.js';
import { type ConnectionOptions, connectionOf } from '../daemon/config.js';
import { formatTable, plain, print, printJson, printLine } from '../terminal/output.js';

interface ListOptions extends ConnectionOptions {
  json?: boolean;
}

export function addList(program: Command): void {
  program
    .command('list')
    .description('list the deployed functions')
    .option('--json', 'print them as JSON')
    .addHelpText('after', '\nExample:\n  dcf list --json\n')
    .action(async (_options: object, command: Command) => {
      await list(command.optsWithGlobals<ListOptions>());
    });
}

async function list(options: ListOptions): Promise<void> {
  const functions = await withControl(connectionOf(options), (client) => client.list());
  if (options.json === true) await printJson(functions);
  else if (functions.length === 0) await printLine('no function is deployed; "dcf deploy DIR" deploys one');
  else await print(formatFunctions(functions));
}

/**
 * Formats one function per line. Columns for aliases and traffic are shown only if a function has any. The reason why one is not ready is
 * in the last column, because it may be long.
 */
export function formatFunctions(functions: readonly FunctionSummary[]): string {
  const released = functions.some(({ aliases, traffic }) => traffic.length > 0 || Object.keys(aliases).length > 0);
  const head = [
    'NAME',
    'REVISION',
    'STATE',
    'READY',
    'CALLS',
    'ERRORS',
    'PROVIDERS',
    ...(released ? ['ALIASES', 'TRAFFIC'] : []),
    'REASON',
  ];
  const rows = functions.map((summary) => [
    summary.name,
    summary.revision,
    summary.state,
    `${summary.readyReplicas}/${summary.replicas}`,
    String(summary.calls),
    String(summary.errors),
    summary.providers.join(',') || '-',
    ...(released ? [formatAliases(summary), formatShares(summary)] : []),
    plain(summary.reason).split('\n', 1)[0] ?? '',
  ]);
  return formatTable([head, ...rows]);
}

function formatAliases({ aliases }: FunctionSummary): string {
  return (
    Object.entries(aliases)
      .map(([alias, revision]) => `${alias}=${revision}`)
      .join(',') || '-'
  );
}

function formatShares({ traffic }: FunctionSummary): string {
  return traffic.map(({ revision, percent }) => `${revision}=${percent}%`).join(',') || '-';
}
