import { Command } from 'commander';
import { projectVersion } from '../core/version.js';
import { configPath, defaultUrl } from './daemon/config.js';

type AddCommand = (program: Command) => void;

/** The commands in the order of the help, with functions that load them: loading all of them takes longer than most of them run. */
const commands: Readonly<Record<string, () => Promise<AddCommand>>> = {
  init: async () => (await import('./commands/init.js')).addInit,
  run: async () => (await import('./commands/run.js')).addRun,
  package: async () => (await import('./commands/package.js')).addPackage,
  deploy: async () => (await import('./commands/deploy.js')).addDeploy,
  invoke: async () => (await import('./commands/invoke.js')).addInvoke,
  list: async () => (await import('./commands/list.js')).addList,
  describe: async () => (await import('./commands/describe.js')).addDescribe,
  logs: async () => (await import('./commands/logs.js')).addLogs,
  rollback: async () => (await import('./commands/rollback.js')).addRollback,
  traffic: async () => (await import('./commands/traffic.js')).addTraffic,
  alias: async () => (await import('./commands/alias.js')).addAlias,
  scale: async () => (await import('./commands/scale.js')).addScale,
  delete: async () => (await import('./commands/delete.js')).addDelete,
  secret: async () => (await import('./commands/secret.js')).addSecret,
  doctor: async () => (await import('./commands/doctor.js')).addDoctor,
};

/** The options of the program itself that have a value: the argument after one is not the command. */
const valueOptions = ['--url', '--token'];

/**
 * Builds the command line with the command that the arguments name, or with all commands if they name none. Parsing throws a CommanderError
 * instead of ending the process.
 *
 * @param args - the arguments after `dcf`
 */
export async function buildProgram(args: readonly string[]): Promise<Command> {
  const program = new Command('dcf')
    .description('Functions for models, on your own GPU host.')
    .version(projectVersion(), '--version')
    .option('--url <url>', `the URL of the daemon: HOST:PORT, https://HOST:PORT or unix:/PATH (DCF_URL; default ${defaultUrl})`)
    .option(
      '--token <token>',
      "the daemon's token; other users of this machine can see it, so DCF_TOKEN_FILE or the config file are better",
    )
    .helpCommand(false)
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'dcf: ')) })
    .showHelpAfterError('(use --help to see how the command is used)')
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', epilogue())
    .exitOverride();
  for (const name of commandsFor(args)) (await commands[name]?.())?.(program);
  return program;
}

/** The arguments to parse: `dcf help COMMAND` and `dcf version` stand for `dcf COMMAND --help` and `dcf --version`. */
export function argumentsOf(args: readonly string[]): string[] {
  const [word, ...rest] = args;
  if (word === 'version' && rest.length === 0) return ['--version'];
  if (word !== 'help') return [...args];
  const [name] = rest;
  // An unknown command is parsed alone, so that the error names it.
  return name === undefined || Object.hasOwn(commands, name) ? [...rest, '--help'] : [name];
}

/** The names of the commands that have to be loaded to parse these arguments. */
export function commandsFor(args: readonly string[]): readonly string[] {
  const name = args.find((arg, at) => !arg.startsWith('-') && !valueOptions.includes(args[at - 1] ?? ''));
  if (name === undefined && args.length === 1 && args[0] === '--version') return [];
  // Help, and the error for a mistyped command, need all commands.
  return name !== undefined && Object.hasOwn(commands, name) ? [name] : Object.keys(commands);
}

function epilogue(): string {
  return `
The daemon: --url, DCF_URL, or the key url in ${configPath()}.
The token: --token, DCF_TOKEN, a file that DCF_TOKEN_FILE names, or the key token in the same file.
Exit codes: 0 success, 1 the call or deploy failed, 2 wrong usage, 130 ended by Ctrl-C.
"dcf help COMMAND" shows the help of a command, "dcf version" the version.

Example:
  dcf init hello && dcf run hello --data Ada && dcf deploy hello && dcf invoke hello --data Ada
`;
}
