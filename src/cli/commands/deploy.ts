import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ControlClient, DeployResult, Rollout } from '@dcf/sdk/control';
import type { Override } from '@dcf/sdk/manifest';
import { type FunctionPackage, packFunction } from '@dcf/sdk/package';
import { formatSize } from '@dcf/sdk/units';
import type { Command } from 'commander';
import { changeFailure } from '../daemon/change.js';
import { withControl } from '../daemon/clients.js';
import { type ConnectionOptions, connectionOf } from '../daemon/config.js';
import { DeployProgressReader } from '../daemon/deploy-progress.js';
import { parsePercent, parseSharePercent } from '../terminal/arguments.js';
import { usageError } from '../terminal/errors.js';
import { catchInterrupts, rejectWhenInterrupted } from '../terminal/interrupt.js';
import { outColours, printJson, printLine } from '../terminal/output.js';
import { addOverrideOptions, type OverrideOptions, overridesOf } from '../terminal/overrides.js';
import { type StepView, stepView } from '../terminal/steps.js';
import { parseAlias } from './alias.js';

interface DeployOptions extends ConnectionOptions, OverrideOptions {
  alias?: string;
  traffic?: number;
  canaryMaxErrorRate?: number;
  json?: boolean;
}

export function addDeploy(program: Command): void {
  const command = program
    .command('deploy')
    .description('pack a function, send what is new, and make it the active revision')
    .argument('[dir]', 'the folder with function.yaml', '.')
    .option('--alias <alias>', 'point this alias at the new revision', parseAlias)
    .option('--traffic <percent>', 'give the new revision this share of the calls; the active revision keeps the rest', parseSharePercent)
    .option('--canary-max-error-rate <percent>', 'take the share away again when more than this percentage of its calls fail', parsePercent)
    .option('--json', 'print the result as JSON')
    .addHelpText('after', '\nExample:\n  dcf deploy functions/digits --set replicas.max=2 --traffic 10 --canary-max-error-rate 5\n')
    .action(async (directory: string, _options: object, command: Command) => {
      await deploy(directory, command.optsWithGlobals<DeployOptions>());
    });
  addOverrideOptions(command);
}

async function deploy(directory: string, options: DeployOptions): Promise<void> {
  const connection = connectionOf(options);
  const { alias, traffic, canaryMaxErrorRate: maxErrorRate } = options;
  if (maxErrorRate !== undefined && traffic === undefined) throw usageError('--canary-max-error-rate needs --traffic, too');
  const begun = performance.now();
  const view = stepView();
  try {
    const packed = await pack(directory, overridesOf(options), view);
    const { result, uploadedBytes } = await withControl(connection, (client) =>
      send(client, packed, { alias, traffic, maxErrorRate }, view),
    );
    view.close();
    if (options.json === true) {
      const { files, bytes } = sizeOf(packed);
      await printJson({ ...result, files, bytes, uploadedBytes, milliseconds: Math.round(performance.now() - begun) });
    } else {
      await printResult(result, directory, options);
    }
  } finally {
    view.close();
  }
}

async function pack(directory: string, overrides: readonly Override[], view: StepView): Promise<FunctionPackage> {
  view.begin('pack');
  const packed = await Promise.race([packFunction(directory, { overrides }), rejectWhenInterrupted()]);
  const { files, bytes } = sizeOf(packed);
  view.end(`${files} ${files === 1 ? 'file' : 'files'}, ${formatSize(bytes)}`);
  return packed;
}

async function send(
  client: ControlClient,
  packed: FunctionPackage,
  rollout: Rollout,
  view: StepView,
): Promise<{ result: DeployResult; uploadedBytes: number }> {
  const reader = new DeployProgressReader(view);
  const signal = catchInterrupts();
  try {
    const result = await client.deploy(packed, { ...rollout, onProgress: (progress) => reader.read(progress), signal });
    reader.finish();
    return { result, uploadedBytes: reader.uploadedBytes };
  } catch (error) {
    view.close();
    throw await changeFailure(client, packed.manifest.name, error, reader, signal);
  }
}

async function printResult(result: DeployResult, directory: string, { url, alias, traffic }: DeployOptions): Promise<void> {
  const revision = outColours.bold(`${result.function}@${result.revision}`);
  const state = traffic === undefined || traffic === 100 ? 'active' : 'deployed';
  await printLine(result.changed ? `${revision} is ${state}` : `${revision} was ${state} already: nothing has changed`);
  if (traffic !== undefined) await printLine(`see its share of the calls: dcf traffic ${result.function}`);
  if (alias !== undefined) await printLine(`the alias ${alias} names it`);
  const where = url === undefined ? '' : ` --url ${url}`;
  await printLine(`call it: dcf invoke ${result.function} ${await exampleInput(directory)}${where}`);
}

async function exampleInput(directory: string): Promise<string> {
  const examples = await readdir(join(directory, 'examples'), { withFileTypes: true }).catch(() => []);
  const [first] = examples
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name)
    .sort();
  if (first === undefined) return "--data '…'";
  const path = join(directory, 'examples', first);
  return `--input ${/^[\w./@%+=:,-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`}`;
}

function sizeOf({ files }: FunctionPackage): { files: number; bytes: number } {
  return { files: files.length, bytes: files.reduce((sum, file) => sum + file.size, 0) };
}
