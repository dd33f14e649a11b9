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
    .description('a name for a revision, which runs for as long as it has one: callers choose it as dcf-alias')
    .argument('<name>', 'the function', parseName)
    .argument('<alias>', 'such as prod', parseAlias)
    .argument('[revision]', 'what it is to name; another alias stands for the revision that it names now')
    .option('--delete', 'take the alias away')
    .option('--json', 'the result as JSON on stdout')
    .addHelpText('after', '\nExamples:\n  dcf alias digits prod 0123456789abcdef\n  dcf alias digits prod --delete\n')
    .action(async (name: string, alias: string, revision: string | undefined, _options: object, command: Command) => {
      await setAlias(name, alias, revision, command.optsWithGlobals<AliasOptions>());
    });
}

async function setAlias(name: string, alias: string, revision: string | undefined, options: AliasOptions): Promise<void> {
  const connection = connectionOf(options);
  const removes = options.delete === true;
  if (removes === (revision !== undefined)) throw usageError('give a revision, or --delete and none');
  const result = await runChange(connection, name, (client, change) =>
    revision === undefined ? client.deleteAlias(name, alias, change) : client.setAlias(name, alias, revision, change),
  );
  if (options.json === true) await printJson({ ...result, alias });
  else if (removes) await printLine(`${name} has no alias ${alias} any more`);
  else await printLine(`${name}: ${alias} names ${revision}${result.changed ? '' : ' already: nothing has changed'}`);
}

/** An alias, checked before anything is asked of the daemon. */
export function parseAlias(text: string): string {
  if (isAliasName(text)) return text;
  throw new InvalidArgumentError(aliasNameProblem(text));
}
