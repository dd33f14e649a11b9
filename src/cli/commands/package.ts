import { type ExplainedPackage, explainPackage, isFolderMode, type PackedFile } from '@dcf/sdk/package';
import { formatSize } from '@dcf/sdk/units';
import type { Command } from 'commander';
import { usageError } from '../terminal/errors.js';
import { rejectWhenInterrupted } from '../terminal/interrupt.js';
import { formatTable, plain, print, printJson } from '../terminal/output.js';
import { addOverrideOptions, type OverrideOptions, overridesOf } from '../terminal/overrides.js';

interface PackageOptions extends OverrideOptions {
  dryRun?: boolean;
  json?: boolean;
}

export function addPackage(program: Command): void {
  const command = program
    .command('package')
    .description('show which files of a folder a deploy would send, which not, and why')
    .argument('[dir]', 'the folder with function.yaml', '.')
    .option('--dry-run', 'required: pack and list the files; nothing is sent or written')
    .option('--json', 'print the list as JSON')
    .addHelpText('after', '\nExample:\n  dcf package --dry-run functions/digits\n')
    .action(async (directory: string, options: PackageOptions) => {
      await explain(directory, options);
    });
  addOverrideOptions(command);
}

async function explain(directory: string, options: PackageOptions): Promise<void> {
  if (options.dryRun !== true) {
    throw usageError('packages are not written to files: give --dry-run to list the content of one; "dcf deploy" packs and sends it');
  }
  const packing = explainPackage(directory, { overrides: overridesOf(options) });
  const explained = await Promise.race([packing, rejectWhenInterrupted()]);
  if (options.json === true) await printJson(toJson(explained));
  else await print(format(explained));
}

function toJson({ packed, leftOut }: ExplainedPackage): object {
  const { files } = packed;
  return {
    name: packed.manifest.name,
    files: files.map(({ path, mode, size, sha256 }) => ({ path: shownPath({ path, mode }), mode: shownMode({ mode }), size, sha256 })),
    leftOut,
    totals: { files: files.length, bytes: bytesOf(files), leftOut: leftOut.length },
  };
}

function format({ packed: { files }, leftOut }: ExplainedPackage): string {
  const sent = files.map((file) => [shownMode(file), formatSize(file.size), plain(shownPath(file))]);
  const out = leftOut.map(({ path, reason }) => [plain(path), plain(reason)]);
  const table = formatTable([['MODE', 'SIZE', 'SENT'], ...sent]);
  const others = out.length === 0 ? '' : `\n${formatTable([['LEFT OUT', 'WHY'], ...out])}`;
  const count = `${files.length} ${files.length === 1 ? 'file' : 'files'}`;
  return `${table}${others}\n${count}, ${formatSize(bytesOf(files))}; ${out.length} left out. Of these, a deploy sends what the daemon does not have yet.\n`;
}

function bytesOf(files: readonly PackedFile[]): number {
  return files.reduce((sum, file) => sum + file.size, 0);
}

function shownPath({ path, mode }: Pick<PackedFile, 'path' | 'mode'>): string {
  return isFolderMode(mode) ? `${path}/` : path;
}

function shownMode({ mode }: Pick<PackedFile, 'mode'>): string {
  return (mode & 0o777).toString(8);
}
