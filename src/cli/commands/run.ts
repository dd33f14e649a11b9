import { resolve } from 'node:path';
import { DcfError } from '@dcf/sdk/errors';
import type { ProviderName } from '@dcf/sdk/manifest';
import { packFunction } from '@dcf/sdk/package';
import { formatDuration } from '@dcf/sdk/units';
import { type Command, Option } from 'commander';
import { chooseProviders, probeProviders } from '../../gpu/providers.js';
import { findInterpreter } from '../../languages/languages.js';
import { type LocalFunction, type LocalOptions, startLocal } from '../../pool/run-local.js';
import { layOut } from '../local/layout.js';
import { localEnvironment } from '../local/local-environment.js';
import { provideDependencies } from '../local/run-dependencies.js';
import { CommandError, handlerStack } from '../terminal/errors.js';
import { type InputOptions, readInput } from '../terminal/input.js';
import { catchInterrupts, rejectWhenInterrupted } from '../terminal/interrupt.js';
import { errorColours, indent, note } from '../terminal/output.js';
import { addOverrideOptions, type OverrideOptions, overridesOf } from '../terminal/overrides.js';
import { writeOutput } from '../terminal/sink.js';

type LocalLog = Parameters<LocalOptions['onLog']>[0];

interface RunOptions extends InputOptions, OverrideOptions {
  verbose?: boolean;
  python: string;
}

export function addRun(program: Command): void {
  const command = program
    .command('run')
    .description('run the function of a folder once on this machine, with the runtime that a daemon uses; no daemon is needed')
    .argument('[dir]', 'the folder with function.yaml', '.')
    .option('--input <file>', 'read the input from a file, or with - from stdin; without it, what is piped to stdin is the input')
    .option('--data <text>', 'use this text as the input')
    .addOption(new Option('--python <program>', 'the Python for functions that name no version').env('DCF_PYTHON').default('python3'))
    .option('-v, --verbose', 'show on stderr how long it took')
    .addHelpText('after', '\nExample:\n  dcf run functions/echo --data hello\n')
    .action(async (directory: string, options: RunOptions) => {
      await run(directory, options);
    });
  addOverrideOptions(command);
}

async function run(directory: string, options: RunOptions): Promise<void> {
  const interrupted = rejectWhenInterrupted();
  const packed = await Promise.race([packFunction(directory, { overrides: overridesOf(options) }), interrupted]);
  const input = await Promise.race([readInput(options), interrupted]);
  const { manifest: packaged } = packed;
  const manifest = { ...packaged, environment: await localEnvironment(packaged, directory, process.env) };
  const layout = await layOut(packed, directory);
  // Stacks and logs name files of the temporary folder: the user gets the paths of the own folder.
  const show = (text: string) => text.replaceAll(layout.directory, resolve(directory));
  try {
    const providers = await Promise.race([usableProviders(manifest.providers), interrupted]);
    const { directory, resources } = layout;
    const interpreter = await findInterpreter(manifest, { python: options.python });
    const readOnly = await provideDependencies({
      manifest,
      directory,
      ownModules: layout.ownModules,
      interpreter,
      signal: catchInterrupts(),
    });
    const local = {
      manifest,
      directory,
      resources,
      providers,
      interpreter,
      readOnly,
      onLog: ({ level, text }: LocalLog) => writeLog(level, show(text)),
    };
    await writeOutput(await runOnce(local, input, interrupted, options));
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw failure(manifest.name, error, show);
  } finally {
    layout.remove();
  }
}

async function runOnce(local: LocalOptions, input: Uint8Array, interrupted: Promise<never>, { verbose }: RunOptions): Promise<Uint8Array> {
  const started = await Promise.race([startLocal(local), interrupted]);
  // After Ctrl-C nothing waits for the call, which would block the drain: the replica ends with this process.
  const { output, runMs } = await Promise.race([started.call(input).finally(() => started.close()), interrupted]);
  if (verbose === true || process.stderr.isTTY === true) note(errorColours.dim(describeRun(started, runMs)));
  return output;
}

function failure(name: string, error: unknown, show: (text: string) => string): CommandError {
  const { code, message } = DcfError.from(error, 'INTERNAL');
  const stack = handlerStack(error);
  const lines = [`${name}: ${code}: ${message}`, ...(stack === undefined ? [] : [indent(stack)])];
  return new CommandError(1, show(lines.join('\n')), { cause: error });
}

async function usableProviders(wanted: readonly ProviderName[]): Promise<readonly string[]> {
  return chooseProviders(wanted, await probeProviders(wanted)).chosen;
}

function describeRun({ initMs, providers }: LocalFunction, runMs: number): string {
  const on = providers.length === 0 ? '' : `, on ${providers.join(', ')}`;
  return `init ${formatDuration(initMs)}, run ${formatDuration(runMs)}${on}`;
}

function writeLog(level: string, text: string): void {
  const colour = level === 'error' ? errorColours.red : level === 'warn' ? errorColours.yellow : errorColours.dim;
  note(`${colour(level.padEnd(5))} ${text}`);
}
