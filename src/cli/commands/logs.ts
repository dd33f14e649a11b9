import { DcfError } from '@dcf/sdk/errors';
import { parseDuration } from '@dcf/sdk/units';
import { type Command, InvalidArgumentError } from 'commander';
import { withControl } from '../daemon/clients.js';
import { type ConnectionOptions, connectionOf } from '../daemon/config.js';
import { formatEntry } from '../daemon/log-entry.js';
import { parseCountOrNone, parseName } from '../terminal/arguments.js';
import { CommandError, daemonFailure } from '../terminal/errors.js';
import { catchInterrupts } from '../terminal/interrupt.js';
import { printLine } from '../terminal/output.js';

interface LogsOptions extends ConnectionOptions {
  follow?: boolean;
  call?: string;
  since?: number;
  tail?: number;
  revision?: string;
  json?: boolean;
}

export function addLogs(program: Command): void {
  program
    .command('logs')
    .description("show a function's log, oldest entry first")
    .argument('<name>', 'the function', parseName)
    .option('--follow', 'go on with new entries until Ctrl-C; fails when the function is deleted or the daemon stops')
    .option('--call <id>', 'show only the entries of this call')
    .option('--since <time>', 'show only entries since a time, such as 2026-01-31T12:00Z, or a duration ago, such as 10m', parseSince)
    .option(
      '--tail <count>',
      'begin with this number of entries, the newest ones; with --follow, 0 shows only new entries',
      parseCountOrNone,
    )
    .option('--revision <revision>', 'show only entries of this revision (its id, the beginning of it, or an alias), deployed or not')
    .option('--json', 'print each entry as a JSON object on a line of its own')
    .addHelpText('after', '\nExample:\n  dcf logs digits --since 10m --follow\n')
    .action(async (name: string, _options: object, command: Command) => {
      await logs(name, command.optsWithGlobals<LogsOptions>());
    });
}

async function logs(
  name: string,
  { follow = false, call, since, tail, revision, json = false, ...connection }: LogsOptions,
): Promise<void> {
  const signal = catchInterrupts();
  const daemon = connectionOf(connection);
  const { url } = daemon;
  await withControl(daemon, async (client) => {
    const query = {
      name,
      follow,
      signal,
      ...(since === undefined ? {} : { since }),
      ...(call === undefined ? {} : { callId: call }),
      ...(tail === undefined ? {} : { tail }),
      ...(revision === undefined ? {} : { revision }),
    };
    try {
      for await (const entry of client.logs(query)) await printLine(json ? JSON.stringify(entry) : formatEntry(entry));
    } catch (error) {
      throw follow ? followFailure(error, url, name) : error;
    }
    if (follow && !signal.aborted) throw new CommandError(1, `the daemon at ${url} ended the log of ${name} without a reason`);
  });
}

/** The error for a log that ends while it is followed. Only Ctrl-C ends it without an error. */
function followFailure(error: unknown, url: string, name: string): CommandError {
  const failure = daemonFailure(error, name);
  if (DcfError.from(error).code !== 'UNAVAILABLE') return failure;
  const advice = `No more entries come from ${url}. To go on when it is back: dcf logs ${name} --since ${new Date().toISOString()} --follow`;
  return new CommandError(1, `${failure.message}\n${advice}`, { cause: error });
}

function parseSince(text: string): number {
  const ago = parseDuration(text);
  if (ago !== undefined) return Date.now() - ago;
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) throw new InvalidArgumentError('It must be a duration such as 10m or 2h, or a time such as 2026-01-31T12:00Z.');
  return time;
}
