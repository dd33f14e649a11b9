import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf } from '@dcf/sdk/errors';
import { type Command, Option } from 'commander';
import { parseName } from '../arguments.js';
import { linkTypes } from '../editor-files.js';
import { CommandError, systemCode } from '../errors.js';
import { printLine } from '../output.js';
import { type Runtime, runtimes, type Template, templateFiles, templates } from '../templates.js';

interface InitOptions {
  runtime: Runtime;
  template: Template;
}

export function addInit(program: Command): void {
  program
    .command('init')
    .description('make a folder that deploys as it stands')
    .argument('<name>', 'the function, and the folder', parseName)
    .addOption(new Option('--runtime <runtime>', 'what runs the handler').choices(runtimes).default('node'))
    .addOption(new Option('--template <template>', 'what it does: text in and out, or JSON in and out').choices(templates).default('hello'))
    .addHelpText('after', '\nExample:\n  dcf init greeter --runtime python\n')
    .action(async (name: string, options: InitOptions) => {
      await init(name, options);
    });
}

async function init(name: string, { runtime, template }: InitOptions): Promise<void> {
  if ((await entriesOf(name)).length > 0) throw new CommandError(1, `the folder ${name} is not empty: take another name, or empty it`);
  const { files, example } = templateFiles(name, runtime, template);
  try {
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(name, path)), { recursive: true });
      await writeFile(join(name, path), content, { flag: 'wx' });
    }
    if (runtime === 'node') await linkTypes(name);
  } catch (error) {
    throw new CommandError(1, `the folder ${name} cannot be written: ${messageOf(error)}`);
  }
  await printLine(`${name} is ready: ${Object.keys(files).join(', ')}`);
  await printLine(`run it:    dcf run ${name} --input ${join(name, example)}`);
  await printLine(`deploy it: dcf deploy ${name}`);
  await printLine(`call it:   dcf invoke ${name} --input ${join(name, example)}`);
}

async function entriesOf(name: string): Promise<string[]> {
  try {
    return await readdir(name);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT') return [];
    throw new CommandError(1, code === 'ENOTDIR' ? `${name} is a file: take another name` : `${name} cannot be read: ${messageOf(error)}`);
  }
}
