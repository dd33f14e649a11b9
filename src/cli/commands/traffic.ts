import type { FunctionDescription } from '@dcf/sdk/contract';
import type { TrafficTarget } from '@dcf/sdk/control';
import { type Command, InvalidArgumentError } from 'commander';
import { formatCanary } from '../daemon/canary.js';
import { runChange } from '../daemon/change.js';
import { withControl } from '../daemon/clients.js';
import { type Connection, type ConnectionOptions, connectionOf } from '../daemon/config.js';
import { parseName, parsePercent } from '../terminal/arguments.js';
import { usageError } from '../terminal/errors.js';
import { formatTable, print, printJson, printLine } from '../terminal/output.js';

interface TrafficOptions extends ConnectionOptions {
  maxErrorRate?: number;
  json?: boolean;
}

export function addTraffic(program: Command): void {
  program
    .command('traffic')
    .description('show how the calls that name no revision are split among revisions; with shares, change it')
    .argument('<name>', 'the function', parseName)
    .argument('[share...]', 'REVISION=PERCENT or ALIAS=PERCENT; together 100', parseShare)
    .option(
      '--max-error-rate <percent>',
      'take the share of a revision beside the active one away when more than this percentage of its calls fail',
      parsePercent,
    )
    .option('--json', 'print the shares as JSON')
    .addHelpText('after', '\nExample:\n  dcf traffic digits prod=90 next=10 --max-error-rate 5\n')
    .action(async (name: string, shares: TrafficTarget[], _options: object, command: Command) => {
      await traffic(name, shares, command.optsWithGlobals<TrafficOptions>());
    });
}

async function traffic(name: string, shares: readonly TrafficTarget[], options: TrafficOptions): Promise<void> {
  const { maxErrorRate, json } = options;
  const connection = connectionOf(options);
  if (shares.length > 0) {
    await runChange(connection, name, (client, change) => client.setTraffic(name, shares, { ...change, maxErrorRate }));
  } else if (maxErrorRate !== undefined) {
    throw usageError('--max-error-rate needs shares, such as prod=90 next=10');
  }
  await show(connection, name, json === true);
}

async function show(connection: Connection, name: string, json: boolean): Promise<void> {
  const description = await withControl(connection, (client) => client.describe(name));
  const { revisions, canaryLimit, canaryStop } = description;
  if (json) {
    const shares = revisions.filter(({ percent }) => percent > 0).map(({ revision, percent, aliases }) => ({ revision, percent, aliases }));
    return printJson({ function: name, traffic: shares, canaryLimit, canaryStop });
  }
  await print(formatTraffic(description));
  for (const line of formatCanary(description)) await printLine(line);
}

/** Formats each revision that has a share on a line of its own, the largest share first. */
function formatTraffic({ revisions }: FunctionDescription): string {
  const head = ['REVISION', 'TRAFFIC', 'ALIASES', 'CALLS', 'ERRORS'];
  const rows = revisions
    .filter(({ percent }) => percent > 0)
    .toSorted((a, b) => b.percent - a.percent)
    .map(({ revision, percent, aliases, calls, errors }) => [revision, `${percent}%`, aliases.join(',') || '-', `${calls}`, `${errors}`]);
  return formatTable([head, ...rows]);
}

/** Reads one `prod=90`, and adds it to those before it. */
function parseShare(text: string, before: readonly TrafficTarget[] = []): TrafficTarget[] {
  const [, target, percent] = /^([^=]+)=(\d{1,3})%?$/.exec(text) ?? [];
  if (target === undefined || percent === undefined || Number(percent) > 100)
    throw new InvalidArgumentError('It must be a revision or an alias with its percentage, such as prod=90.');
  return [...before, { target, percent: Number(percent) }];
}
