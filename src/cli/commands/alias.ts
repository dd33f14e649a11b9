import { aliasNameProblem, isAliasName } from '@dcf/sdk/names';
import { type Command, InvalidArgumentError } from 'commander';
import { runChange } from '../daemon/change.js';
import { type ConnectionOptions, connectionOf } from '../daemon/config.js';
import { parseName } from '../terminal/arguments.js';
import { usageError } from '../terminal/errors.js';
import { printJson, printLine } from '../terminal/output.js';

interface AliasOptions extends ConnectionOptions {
  delete?: boolean;
  json?: boolean;
}

export function addAlias(program: Command): void {
  program
    .command('alias')
    .description('set or delete an alias: a name for a revision, which runs as long as it has one. Callers choose it with dcf-alias')
    .argument('<name>', 'the function', parseName)
    .argument('<alias>', 'the alias, such as prod', parseAlias)
    .argument('[revision]', 'the revision that it names; another alias stands for the revision that it names now')
    .option('--delete', 'delete the alias')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', '\nExamples:\n  dcf alias digits prod 0123456789abcdef\n  dcf alias digits prod --delete\n')
    .action(async (name: string, alias: string, revision: string | undefined, _options: object, command: Command) => {
      await setAlias(name, alias, revision, command.optsWithGlobals<AliasOptions>());
    });
}

async function setAlias(name: string, alias: string, revision: string | undefined, options: AliasOptions): Promise<void> {
  const connection = connectionOf(options);
  const removes = options.delete === true;
  if (removes === (revision !== undefined)) throw usageError('give either a revision or --delete');
  const result = await runChange(connection, name, (client, change) =>
    revision === undefined ? client.deleteAlias(name, alias, change) : client.setAlias(name, alias, revision, change),
  );
  if (options.json === true) await printJson({ ...result, alias });
  else if (removes) await printLine(`${name} has no alias ${alias} any more`);
  else await printLine(`${name}: ${alias} names ${revision}${result.changed ? '' : ' already: nothing has changed'}`);
}

/** Reads an alias, so that a wrong one is refused before the daemon is asked. */
export function parseAlias(text: string): string {
  if (isAliasName(text)) return text;
  throw new InvalidArgumentError(aliasNameProblem(text));
}
