import type { Command } from 'commander';
import { withControl } from '../daemon/clients.js';
import { type ConnectionOptions, connectionOf } from '../daemon/config.js';
import { parseCount, parseCountOrNone, parseName } from '../terminal/arguments.js';
import { usageError } from '../terminal/errors.js';
import { printJson, printLine } from '../terminal/output.js';

interface ScaleOptions extends ConnectionOptions {
  min?: number;
  max?: number;
  json?: boolean;
}

export function addScale(program: Command): void {
  program
    .command('scale')
    .description('change the bounds for the number of replicas of the active revision, until it is deployed again')
    .argument('<name>', 'the function', parseName)
    .option('--min <count>', 'the number of replicas that run also without load; 0: none', parseCountOrNone)
    .option('--max <count>', 'the largest number of replicas', parseCount)
    .option('--json', 'print the bounds as JSON')
    .addHelpText('after', '\nExample:\n  dcf scale digits --min 1 --max 4\n')
    .action(async (name: string, _options: object, command: Command) => {
      await scale(name, command.optsWithGlobals<ScaleOptions>());
    });
}

async function scale(name: string, options: ScaleOptions): Promise<void> {
  const { min, max } = options;
  if (min === undefined && max === undefined) throw usageError('give --min, --max or both');
  const bounds = await withControl(connectionOf(options), (client) => client.scale(name, { min, max }));
  if (options.json === true) await printJson({ function: name, ...bounds });
  else await printLine(`${name}@${bounds.revision} has ${bounds.min} to ${bounds.max} replicas`);
}
