import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { withControl } from '../daemon/clients.js';
import { type ConnectionOptions, connectionOf } from '../daemon/config.js';
import { parseName } from '../terminal/arguments.js';
import { CommandError } from '../terminal/errors.js';
import { printLine } from '../terminal/output.js';

interface DeleteOptions extends ConnectionOptions {
  yes?: boolean;
}

export function addDelete(program: Command): void {
  program
    .command('delete')
    .description('delete a function with all its revisions and its log')
    .argument('<name>', 'the function', parseName)
    .option('--yes', 'do not ask for confirmation; without a terminal it is never asked for')
    .addHelpText('after', '\nExample:\n  dcf delete digits --yes\n')
    .action(async (name: string, _options: object, command: Command) => {
      await remove(name, command.optsWithGlobals<DeleteOptions>());
    });
}

async function remove(name: string, options: DeleteOptions): Promise<void> {
  const connection = connectionOf(options);
  const interactive = process.stdin.isTTY === true && process.stderr.isTTY === true;
  if (options.yes !== true && interactive && !(await confirm(`Delete ${name} at ${connection.url} with all its revisions?`))) {
    throw new CommandError(1, `${name} was not deleted`);
  }
  await withControl(connection, (client) => client.delete(name));
  await printLine(`${name} is deleted`);
}

async function confirm(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    // The end of the input and Ctrl-C close the terminal without an answer.
    const closed = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
    const answer = await Promise.race([terminal.question(`${question} [y/N] `), closed]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
