import { writeFile } from 'node:fs/promises';
import type { InvokeOptions as CallOptions } from '@dcf/sdk';
import { messageOf } from '@dcf/sdk/errors';
import type { Command } from 'commander';
import { type InputOptions, parseMilliseconds, parseName, readInput } from '../arguments.js';
import { openClient } from '../clients.js';
import { type Connection, type ConnectionOptions, connectionOf } from '../config.js';
import { CommandError, daemonFailure } from '../errors.js';
import { catchInterrupts, rejectWhenInterrupted } from '../interrupt.js';
import { printOutput } from '../output.js';

/** The function's own timeout is the one that counts then. */
const noTimeout = '24d';

interface InvokeOptions extends ConnectionOptions, InputOptions {
  alias?: string;
  timeout?: number;
  output?: string;
}

export function addInvoke(program: Command): void {
  program
    .command('invoke')
    .description('call a function once; its output goes to stdout as it is')
    .argument('<name>', 'the function', parseName)
    .option('--input <file>', 'the input, from a file or, with -, from stdin')
    .option('--data <text>', 'the input itself')
    .option(
      '--timeout <duration>',
      "how long to wait, such as 5s; otherwise as long as the function's own timeout lets it run",
      parseMilliseconds,
    )
    .option('--alias <alias>', 'the alias or the revision to call; otherwise the one that gets the calls')
    .option('--output <file>', 'write the output there and not to stdout')
    .addHelpText('after', '\nExample:\n  dcf invoke digits --input functions/digits/examples/7-barred.jpg\n')
    .action(async (name: string, _options: object, command: Command) => {
      await invoke(name, command.optsWithGlobals<InvokeOptions>());
    });
}

async function invoke(name: string, options: InvokeOptions): Promise<void> {
  const connection = connectionOf(options);
  const input = await Promise.race([readInput(options), rejectWhenInterrupted()]);
  const output = await call(connection, name, input, { alias: options.alias, timeout: options.timeout ?? noTimeout });
  if (options.output === undefined) {
    await printOutput(output);
    return;
  }
  try {
    await writeFile(options.output, output);
  } catch (error) {
    throw new CommandError(1, `--output ${options.output} cannot be written: ${messageOf(error)}`);
  }
}

async function call(connection: Connection, name: string, input: Uint8Array, options: CallOptions): Promise<Uint8Array> {
  const client = await openClient(connection);
  const signal = catchInterrupts();
  try {
    const { output } = await client.invoke(name, input, { ...options, signal });
    return output;
  } catch (error) {
    throw daemonFailure(error, name);
  } finally {
    client.close();
  }
}
