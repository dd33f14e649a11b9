import type { SecretSummary } from '@dcf/sdk/contract';
import { DcfError } from '@dcf/sdk/errors';
import { maximumSecretBytes, secretNameProblem } from '@dcf/sdk/names';
import { type Command, InvalidArgumentError } from 'commander';
import { withControl } from '../daemon/clients.js';
import { type ConnectionOptions, connectionOf } from '../daemon/config.js';
import { parseName } from '../terminal/arguments.js';
import { CommandError, usageError } from '../terminal/errors.js';
import { readInput } from '../terminal/input.js';
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
    .description('values that functions need and nobody is to see')
    .helpCommand(false)
    .addHelpText('after', '\nExample:\n  dcf secret set API_KEY --input key.txt\n');
  secret
    .command('set')
    .description('make a secret or replace it; its value comes from stdin or a file, never from the command line')
    .argument('<name>', 'its name, and that of the variable it comes in', parseSecretName)
    .option('--function <name>', 'the one function that may use it; every function otherwise', parseName)
    .option('--input <file>', 'a file with the value, or - for stdin', '-')
    .addHelpText('after', '\nExample:\n  pass show api-key | dcf secret set API_KEY --function hello\n')
    .action(async (name: string, _options: object, command: Command) => {
      await set(name, command.optsWithGlobals<SetOptions>());
    });
  secret
    .command('list')
    .description('which secrets are set, for which functions, and since when; never their values')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  dcf secret list --json\n')
    .action(async (_options: object, command: Command) => {
      await list(command.optsWithGlobals<ListOptions>());
    });
  secret
    .command('delete')
    .description('remove a secret')
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
  const value = await readInput({ input });
  if (value.length === 0) throw usageError(`the value of ${name} is empty: give it on stdin or with --input FILE`);
  if (value.length > maximumSecretBytes) {
    throw usageError(`the value of ${name} has ${value.length} bytes: a secret has ${maximumSecretBytes} at most`);
  }
  const running = await withControl(connection, (client) => client.setSecret(name, value, onlyFor));
  await printLine(`${name} is set for ${onlyFor === undefined ? 'every function' : onlyFor}; replicas that start from now on get it`);
  if (running.length === 0) return;
  const [one, do_, them] = running.length === 1 ? ['runs', 'it', 'its'] : ['run', 'them', 'their'];
  await printLine(`${running.join(', ')} ${one} on with what was set when ${them} replicas started: deploy ${do_} again to replace them`);
}

async function list(options: ListOptions): Promise<void> {
  const secrets = await withControl(connectionOf(options), (client) => client.listSecrets());
  if (options.json === true) await printJson(secrets);
  else if (secrets.length === 0) await printLine('no secret is set; "dcf secret set NAME" changes that');
  else await print(formatSecrets(secrets));
}

/** One secret a line, times in UTC. */
export function formatSecrets(secrets: readonly SecretSummary[]): string {
  const rows = secrets.map(({ name, function: onlyFor, setAt }) => [name, onlyFor === '' ? '*' : onlyFor, new Date(setAt).toISOString()]);
  return formatTable([['NAME', 'FUNCTION', 'SET'], ...rows]);
}

async function remove(name: string, options: ConnectionOptions): Promise<void> {
  const running = await withControl(connectionOf(options), (client) =>
    client.deleteSecret(name).catch((error: unknown) => {
      if (DcfError.from(error).code !== 'NOT_FOUND') throw error;
      throw new CommandError(1, `there is no secret ${name}; "dcf secret list" shows which there are`, { cause: error });
    }),
  );
  await printLine(`${name} is deleted`);
  if (running.length === 0) return;
  await printLine(`${running.join(', ')} still ${running.length === 1 ? 'has' : 'have'} it; without it no new replica can start there`);
}

function parseSecretName(text: string): string {
  const problem = secretNameProblem(text);
  if (problem === undefined) return text;
  throw new InvalidArgumentError(problem);
}
