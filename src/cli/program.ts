import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { addAlias } from './commands/alias.js';
import { addDelete } from './commands/delete.js';
import { addDeploy } from './commands/deploy.js';
import { addDescribe } from './commands/describe.js';
import { addDoctor } from './commands/doctor.js';
import { addInit } from './commands/init.js';
import { addInvoke } from './commands/invoke.js';
import { addList } from './commands/list.js';
import { addLogs } from './commands/logs.js';
import { addRollback } from './commands/rollback.js';
import { addRun } from './commands/run.js';
import { addScale } from './commands/scale.js';
import { addSecret } from './commands/secret.js';
import { addTraffic } from './commands/traffic.js';
import { configPath, defaultUrl } from './config.js';

const commands = [
  addInit,
  addRun,
  addDeploy,
  addInvoke,
  addList,
  addDescribe,
  addLogs,
  addRollback,
  addTraffic,
  addAlias,
  addScale,
  addDelete,
  addSecret,
  addDoctor,
];

/** The command line with all its commands. Parsing throws a CommanderError instead of ending the process. */
export function buildProgram(): Command {
  const program = new Command('dcf')
    .description('Functions for models, on your own GPU host.')
    .version(version(), '--version')
    .option('--url <url>', `the daemon (DCF_URL; default ${defaultUrl})`)
    .option('--token <token>', 'its token; others on this machine can see it, so DCF_TOKEN_FILE or the config file are better')
    .helpCommand(false)
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'dcf: ')) })
    .showHelpAfterError('(--help says how it is used)')
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', epilogue())
    .exitOverride();
  for (const add of commands) add(program);
  return program;
}

function epilogue(): string {
  return `
Which daemon: --url, DCF_URL, or url in ${configPath()}.
Its token: --token, DCF_TOKEN, a file that DCF_TOKEN_FILE names, or token in that file.
Exit codes: 0 done, 1 the call or deploy failed, 2 bad usage.

Example:
  dcf init hello && dcf run hello --data Ada && dcf deploy hello && dcf invoke hello --data Ada
`;
}

function version(): string {
  const content: unknown = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
  return typeof content === 'object' && content !== null && 'version' in content ? String(content.version) : 'unknown';
}
