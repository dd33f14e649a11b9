import { isUtf8 } from 'node:buffer';
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
import { note, printJson } from '../terminal/output.js';
import { checkOutput, openSink, type Sink, writeOutput } from '../terminal/sink.js';

/** The timeout of the client without `--timeout`: so long that the function's own timeout decides. */
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
    .description('call a function once; its output goes to stdout unchanged')
    .argument('<name>', 'the function', parseName)
    .option('--input <file>', 'read the input from a file, or with - from stdin; without it, what is piped to stdin is the input')
    .option('--data <text>', 'use this text as the input')
    .option(
      '--timeout <duration>',
      "the longest time to wait, such as 5s; without it, the function's own timeout decides",
      parseMilliseconds,
    )
    .option('--alias <alias>', 'the alias or revision to call; without it, the active revision, or one that has a share of the calls')
    .option('--output <file>', 'write the output to a file and not to stdout')
    .option('--stream', 'send the input in chunks, and print the output in chunks, as they come; --timeout then limits silence')
    .option('--report', 'show on stderr how the call went, and what the function logged during it')
    .option('--json', 'print output, report and log as one JSON object')
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
  if (output !== undefined && (options.output !== undefined || !json)) await writeOutput(output, options.output);
  if (json) await printJson({ status, ...error, ...(options.output === undefined ? shownOutput(output) : {}), report, logs });
  if (shown) noteReport({ status, report, logs });
  if (called.failure !== undefined) throw called.failure;
}

async function stream(name: string, options: InvokeOptions): Promise<void> {
  if (options.json === true) throw usageError('give --stream or --json, not both');
  const connection = connectionOf(options);
  const { alias, timeout = noTimeout, report: shown = false, output } = options;
  if (output !== undefined) await checkOutput(output);
  const input = await openInput(options);
  const client = await openClient(connection);
  const result = client.stream(name, input, { alias, timeout, signal: catchInterrupts() });
  let status = 'OK';
  let failure: CommandError | undefined;
  let sink: Sink | undefined;
  try {
    for await (const chunk of result) {
      // Not before the first chunk: a call that fails leaves the file as it was.
      sink ??= await openSink(output);
      await sink.write(chunk);
    }
    sink ??= await openSink(output);
  } catch (error) {
    status = DcfError.from(error, 'INTERNAL').code;
    failure = await explainedCall(connection, daemonFailure(error, name));
  } finally {
    closeInput(input);
    await sink?.close();
    client.close();
  }
  const report: Partial<CallReport> = result.report ?? {};
  if (shown) noteReport({ status, report, logs: await logsOf(connection, name, report.id) });
  if (failure !== undefined) throw failure;
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

/** What the function logged during a call. All of it is in the log before the call is answered. */
async function logsOf(connection: Connection, name: string, callId: string | undefined): Promise<LogEntry[]> {
  if (callId === undefined) return [];
  try {
    return await withControl(connection, async (client) => {
      const entries: LogEntry[] = [];
      for await (const entry of client.logs({ name, callId })) entries.push(entry);
      return entries;
    });
  } catch (error) {
    // The call itself has ended, and its output is more important than its log.
    note(`dcf: the log of ${name} cannot be read: ${messageOf(error)}`);
    return [];
  }
}

/** The output for JSON, which cannot hold bytes: an output that is not text is encoded as base64. */
function shownOutput(output: Uint8Array | undefined): object {
  if (output === undefined) return {};
  const encoding = isUtf8(output) ? 'utf8' : 'base64';
  return { output: Buffer.from(output).toString(encoding), encoding };
}
