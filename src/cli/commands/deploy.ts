import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ControlClient, DeployResult } from '@dcf/sdk/control';
import { DcfError } from '@dcf/sdk/errors';
import { formatSize, type Override } from '@dcf/sdk/manifest';
import { type FunctionPackage, packFunction } from '@dcf/sdk/package';
import type { Command } from 'commander';
import { parseOverride } from '../arguments.js';
import { withControl } from '../clients.js';
import { type ConnectionOptions, connectionOf } from '../config.js';
import { DeployProgressReader } from '../deploy-progress.js';
import { CommandError, daemonFailure } from '../errors.js';
import { catchInterrupts, rejectWhenInterrupted } from '../interrupt.js';
import { indent, outColours, printJson, printLine } from '../output.js';
import { type StepView, stepView } from '../steps.js';

interface DeployOptions extends ConnectionOptions {
  set?: Override[];
  json?: boolean;
}

export function addDeploy(program: Command): void {
  program
    .command('deploy')
    .description('pack a function, send what is new, and make it the active revision')
    .argument('<dir>', 'the folder with function.yaml')
    .option('--set <key=value>', 'change a key of the manifest; may be given many times', parseOverride)
    .option('--json', 'the result as JSON on stdout')
    .addHelpText('after', '\nExample:\n  dcf deploy functions/digits --set replicas.max=2\n')
    .action(async (directory: string, _options: object, command: Command) => {
      await deploy(directory, command.optsWithGlobals<DeployOptions>());
    });
}

async function deploy(directory: string, options: DeployOptions): Promise<void> {
  const connection = connectionOf(options);
  const begun = performance.now();
  const view = stepView();
  try {
    const packed = await pack(directory, options.set ?? [], view);
    const { result, uploadedBytes } = await withControl(connection, (client) => send(client, packed, view));
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
  view: StepView,
): Promise<{ result: DeployResult; uploadedBytes: number }> {
  const reader = new DeployProgressReader(view);
  const signal = catchInterrupts();
  try {
    const result = await client.deploy(packed, { onProgress: (progress) => reader.read(progress), signal });
    reader.finish();
    return { result, uploadedBytes: reader.uploadedBytes };
  } catch (error) {
    view.close();
    const failure = daemonFailure(error, packed.manifest.manifest.name);
    if (signal.aborted || DcfError.from(error).code === 'UNAVAILABLE') throw failure;
    const parts = [failure.message];
    if (reader.stack !== undefined) parts.push(indent(reader.stack));
    parts.push(await whatServesOn(client, packed.manifest.manifest.name));
    throw new CommandError(1, parts.join('\n'), { cause: error });
  }
}

/** What a failed deploy has left: the user must know whether callers notice. */
async function whatServesOn(client: ControlClient, name: string): Promise<string> {
  try {
    const { summary } = await client.describe(name);
    if (summary !== null && summary.revision !== '')
      return `Nothing has changed: ${name}@${summary.revision} is still the active revision.`;
  } catch (error) {
    if (DcfError.from(error).code !== 'NOT_FOUND') return 'The daemon did not say what serves now: see "dcf list".';
  }
  return `Nothing has changed: ${name} was not deployed before, and is not now.`;
}

async function printResult(result: DeployResult, directory: string, { url }: DeployOptions): Promise<void> {
  const revision = outColours.bold(`${result.function}@${result.revision}`);
  await printLine(result.changed ? `${revision} is active` : `${revision} was active already: nothing has changed`);
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
