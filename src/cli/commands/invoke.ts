import { isUtf8 } from 'node:buffer';
import { writeFile } from 'node:fs/promises';
import type { InvokeOptions as CallOptions, CallReport } from '@dcf/sdk';
import type { LogEntry } from '@dcf/sdk/contract';
import { DcfError, messageOf } from '@dcf/sdk/errors';
import type { Command } from 'commander';
import { noteReport, type ReportedCall } from '../daemon/call-report.js';
import { explainedCall, openClient, withControl } from '../daemon/clients.js';
import { type Connection, type ConnectionOptions, connectionOf } from '../daemon/config.js';
import { parseMilliseconds, parseName } from '../terminal/arguments.js';
import { type CommandError, daemonFailure, usageError } from '../terminal/errors.js';
import { closeInput, type InputOptions, openInput, readInput } from '../terminal/input.js';
import { catchInterrupts, rejectWhenInterrupted } from '../terminal/interrupt.js';
import { note, printJson, printOutput } from '../terminal/output.js';
import { checkOutput, notWritten, openSink } from '../terminal/sink.js';

/** The function's own timeout is the one that counts then. */
const noTimeout = '24d';

interface InvokeOptions extends ConnectionOptions, InputOptions {
  alias?: string;
  timeout?: number;
  output?: string;
  report?: boolean;
  json?: boolean;
  stream?: boolean;
}

/** How a call ended. */
type Called = Omit<ReportedCall, 'logs'> & ({ output: Uint8Array; failure?: undefined } | { failure: CommandError; message: string });

export function addInvoke(program: Command): void {
  program
    .command('invoke')
    .description('call a function once; its output goes to stdout as it is')
    .argument('<name>', 'the function', parseName)
    .option('--input <file>', 'the input, from a file or, with -, from stdin; what is piped to stdin otherwise')
    .option('--data <text>', 'the input itself')
    .option(
      '--timeout <duration>',
      "how long to wait, such as 5s; otherwise as long as the function's own timeout lets it run",
      parseMilliseconds,
    )
    .option('--alias <alias>', 'the alias or the revision to call; otherwise the one that gets the calls')
    .option('--output <file>', 'write the output there and not to stdout')
    .option('--stream', 'send the input in chunks as they come, and print those of the output as they come; --timeout is for silence then')
    .option('--report', 'show on stderr how the call went, and what the function logged in it')
    .option('--json', 'output, report and log as one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  dcf invoke digits --input functions/digits/examples/7-barred.jpg\n  echo Ada | dcf invoke hello\n  tail -f log | dcf invoke upper --stream\n',
    )
    .action(async (name: string, _options: object, command: Command) => {
      await invoke(name, command.optsWithGlobals<InvokeOptions>());
    });
}

async function invoke(name: string, options: InvokeOptions): Promise<void> {
  if (options.stream === true) {
    await stream(name, options);
    return;
  }
  const connection = connectionOf(options);
  if (options.output !== undefined) await checkOutput(options.output);
  const input = await Promise.race([readInput(options), rejectWhenInterrupted()]);
  const called = await call(connection, name, input, { alias: options.alias, timeout: options.timeout ?? noTimeout });
  const { status, report } = called;
  const output = called.failure === undefined ? called.output : undefined;
  const error = called.failure === undefined ? {} : { error: called.message };
  const { report: shown = false, json = false } = options;
  const logs = shown || json ? await logsOf(connection, name, report.id) : [];
  if (output !== undefined && options.output !== undefined) await save(output, options.output);
  else if (output !== undefined && !json) await printOutput(output);
  if (json) await printJson({ status, ...error, ...(options.output === undefined ? shownOutput(output) : {}), report, logs });
  if (shown) noteReport({ status, report, logs });
  if (called.failure !== undefined) throw called.failure;
}

async function stream(name: string, options: InvokeOptions): Promise<void> {
  if (options.json === true) throw usageError('give --stream or --json, not both');
  const connection = connectionOf(options);
  const input = await openInput(options);
  const sink = await openSink(options.output);
  const { alias, timeout = noTimeout, report: shown = false } = options;
  const client = await openClient(connection);
  const result = client.stream(name, input, { alias, timeout, signal: catchInterrupts() });
  let status = 'OK';
  let failure: CommandError | undefined;
  try {
    for await (const chunk of result) await sink.write(chunk);
  } catch (error) {
    status = DcfError.from(error, 'INTERNAL').code;
    failure = await explainedCall(connection, daemonFailure(error, name));
  } finally {
    closeInput(input);
    await sink.close();
    client.close();
  }
  const report: Partial<CallReport> = result.report ?? {};
  if (shown) noteReport({ status, report, logs: await logsOf(connection, name, report.id) });
  if (failure !== undefined) throw failure;
}

async function save(output: Uint8Array, file: string): Promise<void> {
  try {
    await writeFile(file, output);
  } catch (error) {
    throw notWritten(file, error);
  }
}

async function call(connection: Connection, name: string, input: Uint8Array, options: CallOptions): Promise<Called> {
  const client = await openClient(connection);
  const signal = catchInterrupts();
  try {
    return { status: 'OK', ...(await client.invoke(name, input, { ...options, signal })) };
  } catch (error) {
    const { code, message, report = {} } = DcfError.from(error, 'INTERNAL');
    return { status: code, message, report, failure: await explainedCall(connection, daemonFailure(error, name)) };
  } finally {
    client.close();
  }
}

/** What the function logged in a call: all of it is in the log before the call is answered. */
async function logsOf(connection: Connection, name: string, callId: string | undefined): Promise<LogEntry[]> {
  if (callId === undefined) return [];
  try {
    return await withControl(connection, async (client) => {
      const entries: LogEntry[] = [];
      for await (const entry of client.logs({ name, callId })) entries.push(entry);
      return entries;
    });
  } catch (error) {
    // The call itself is done, and its output is what was asked for.
    note(`dcf: the log of ${name} cannot be read: ${messageOf(error)}`);
    return [];
  }
}

/** JSON has no bytes: an output that is no text is given as base64. */
function shownOutput(output: Uint8Array | undefined): object {
  if (output === undefined) return {};
  const encoding = isUtf8(output) ? 'utf8' : 'base64';
  return { output: Buffer.from(output).toString(encoding), encoding };
}
