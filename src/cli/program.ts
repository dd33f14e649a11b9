import { Command } from 'commander';
import { projectVersion } from '../core/version.js';
import { configPath, defaultUrl } from './daemon/config.js';

type AddCommand = (program: Command) => void;

/** Each command with what loads it: to load all of them takes longer than most of them run. In the order of the help. */
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

/** The options of the program itself that take a value: what follows one is not the command. */
const valueOptions = ['--url', '--token'];

/**
 * The command line, with the command that the arguments name, or with all of them where they name none. Parsing throws a
 * CommanderError instead of ending the process.
 *
 * @param args - what stands after `dcf`
 */
export async function buildProgram(args: readonly string[]): Promise<Command> {
  const program = new Command('dcf')
    .description('Functions for models, on your own GPU host.')
    .version(projectVersion(), '--version')
    .option('--url <url>', `the daemon (DCF_URL; default ${defaultUrl})`)
    .option('--token <token>', 'its token; others on this machine can see it, so DCF_TOKEN_FILE or the config file are better')
    .helpCommand(false)
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'dcf: ')) })
    .showHelpAfterError('(--help says how it is used)')
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', epilogue())
    .exitOverride();
  for (const name of commandsFor(args)) (await commands[name]?.())?.(program);
  return program;
}

/** What is parsed: `dcf help COMMAND` and `dcf version` are other ways to say `dcf COMMAND --help` and `dcf --version`. */
export function argumentsOf(args: readonly string[]): string[] {
  const [word, ...rest] = args;
  if (word === 'version' && rest.length === 0) return ['--version'];
  if (word !== 'help') return [...args];
  const [name] = rest;
  // A command that there is not is told as such, and not with the help of another.
  return name === undefined || Object.hasOwn(commands, name) ? [...rest, '--help'] : [name];
}

/** The names of the commands that have to be there to parse these arguments. */
export function commandsFor(args: readonly string[]): readonly string[] {
  const name = args.find((arg, at) => !arg.startsWith('-') && !valueOptions.includes(args[at - 1] ?? ''));
  if (name === undefined && args.length === 1 && args[0] === '--version') return [];
  // Help, and what is said of a mistyped command, name all of them.
  return name !== undefined && Object.hasOwn(commands, name) ? [name] : Object.keys(commands);
}

function epilogue(): string {
  return `
Which daemon: --url, DCF_URL, or url in ${configPath()}.
Its token: --token, DCF_TOKEN, a file that DCF_TOKEN_FILE names, or token in that file.
Exit codes: 0 done, 1 the call or deploy failed, 2 bad usage.
"dcf help COMMAND" tells of one command, "dcf version" which version this is.

Example:
  dcf init hello && dcf run hello --data Ada && dcf deploy hello && dcf invoke hello --data Ada
`;
}
