import type { SecretSummary } from '@dcf/sdk/contract';
import { DcfError } from '@dcf/sdk/errors';
import { maximumSecretBytes, secretNameProblem } from '@dcf/sdk/names';
import { formatSize } from '@dcf/sdk/units';
import { type Command, InvalidArgumentError } from 'commander';
import { withControl } from '../daemon/clients.js';
import { type ConnectionOptions, connectionOf } from '../daemon/config.js';
import { parseName } from '../terminal/arguments.js';
import { CommandError, usageError } from '../terminal/errors.js';
import { readShortInput } from '../terminal/input.js';
import { formatTable, note, print, printJson, printLine } from '../terminal/output.js';

interface SetOptions extends ConnectionOptions {
  function?: string;
  input?: string;
}

interface ListOptions extends ConnectionOptions {
  json?: boolean;
}

export function addSecret(program: Command): void {
  const secret = program
    .command('secret')
    .description('set, list and delete secrets: values for functions that nobody can read back')
    .helpCommand(false)
    .addHelpText('after', '\nExample:\n  dcf secret set API_KEY --input key.txt\n');
  secret
    .command('set')
    .description('create a secret or replace its value, which is read from stdin or a file, never from the command line')
    .argument('<name>', 'the name of the secret, and of the environment variable that has its value', parseSecretName)
    .option('--function <name>', 'the only function that may use it; without it, every function may', parseName)
    .option('--input <file>', 'the file with the value, or - for stdin', '-')
    .addHelpText('after', '\nExample:\n  pass show api-key | dcf secret set API_KEY --function hello\n')
    .action(async (name: string, _options: object, command: Command) => {
      await set(name, command.optsWithGlobals<SetOptions>());
    });
  secret
    .command('list')
    .description('list the secrets that are set, for which functions, and since when; never their values')
    .option('--json', 'print the list as JSON')
    .addHelpText('after', '\nExample:\n  dcf secret list --json\n')
    .action(async (_options: object, command: Command) => {
      await list(command.optsWithGlobals<ListOptions>());
    });
  secret
    .command('delete')
    .description('delete a secret')
    .argument('<name>', 'the secret', parseSecretName)
    .addHelpText('after', '\nExample:\n  dcf secret delete API_KEY\n')
    .action(async (name: string, _options: object, command: Command) => {
      await remove(name, command.optsWithGlobals<ConnectionOptions>());
    });
}

async function set(name: string, options: SetOptions): Promise<void> {
  const { function: onlyFor, input = '-' } = options;
  const connection = connectionOf(options);
  if (input === '-' && process.stdin.isTTY === true) note('Type or paste the value, and end it with Ctrl-D on a line of its own.');
  const value = await readShortInput(input, maximumSecretBytes);
  if (value === undefined)
    throw usageError(`the value of ${name} is too long: a secret may have ${formatSize(maximumSecretBytes)} at most`);
  if (value.length === 0) throw usageError(`the value of ${name} is empty: give it on stdin or with --input FILE`);
  const running = await withControl(connection, (client) => client.setSecret(name, value, onlyFor));
  await printLine(`${name} is set for ${onlyFor === undefined ? 'every function' : onlyFor}; replicas that start from now on get it`);
  if (running.length === 0) return;
  const [runs, it] = running.length === 1 ? ['runs', 'it'] : ['run', 'them'];
  await printLine(`${running.join(', ')} still ${runs} with the value before: deploy ${it} again to replace the replicas`);
}

async function list(options: ListOptions): Promise<void> {
  const secrets = await withControl(connectionOf(options), (client) => client.listSecrets());
  if (options.json === true) await printJson(secrets);
  else if (secrets.length === 0) await printLine('no secret is set; "dcf secret set NAME" sets one');
  else await print(formatSecrets(secrets));
}

/** Formats each secret on a line of its own, with times in UTC. */
function formatSecrets(secrets: readonly SecretSummary[]): string {
  const rows = secrets.map(({ name, function: onlyFor, setAt }) => [name, onlyFor === '' ? '*' : onlyFor, new Date(setAt).toISOString()]);
  return formatTable([['NAME', 'FUNCTION', 'SET'], ...rows]);
}

async function remove(name: string, options: ConnectionOptions): Promise<void> {
  const running = await withControl(connectionOf(options), (client) =>
    client.deleteSecret(name).catch((error: unknown) => {
      if (DcfError.from(error).code !== 'NOT_FOUND') throw error;
      throw new CommandError(1, `there is no secret ${name}; "dcf secret list" shows those that are set`, { cause: error });
    }),
  );
  await printLine(`${name} is deleted`);
  if (running.length === 0) return;
  const [runs, its] = running.length === 1 ? ['runs', 'its'] : ['run', 'their'];
  await printLine(`${running.join(', ')} still ${runs} with it, but ${its} next replicas cannot start without it`);
}

function parseSecretName(text: string): string {
  const problem = secretNameProblem(text);
  if (problem === undefined) return text;
  throw new InvalidArgumentError(problem);
}
