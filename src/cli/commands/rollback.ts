import type { Command } from 'commander';
import { runChange } from '../daemon/change.js';
import { type ConnectionOptions, connectionOf } from '../daemon/config.js';
import { parseName } from '../terminal/arguments.js';
import { outColours, printJson, printLine } from '../terminal/output.js';

interface RollbackOptions extends ConnectionOptions {
  to?: string;
  json?: boolean;
}

export function addRollback(program: Command): void {
  program
    .command('rollback')
    .description('make the revision that was active before the active one again; a second rollback undoes the first')
    .argument('<name>', 'the function', parseName)
    .option('--to <revision>', 'go back to this revision or alias instead')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      '\nWhile the traffic is split, a rollback gives all of it to the active revision.\n\nExample:\n  dcf rollback digits --to 0123456789abcdef\n',
    )
    .action(async (name: string, _options: object, command: Command) => {
      await rollback(name, command.optsWithGlobals<RollbackOptions>());
    });
}

async function rollback(name: string, options: RollbackOptions): Promise<void> {
  const { to, json } = options;
  const result = await runChange(connectionOf(options), name, (client, change) => client.rollback(name, { ...change, to }));
  if (json === true) return printJson(result);
  const revision = outColours.bold(`${name}@${result.revision}`);
  await printLine(result.changed ? `${revision} is active` : `${revision} was active already: nothing has changed`);
}
