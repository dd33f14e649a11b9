import { existsSync } from 'node:fs';
import { lstat, mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type RuntimeName, runtimeNames } from '@dcf/sdk/languages';
import { isFunctionName } from '@dcf/sdk/names';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { errorCode, reasonOf } from '../../core/errors.js';
import { type Template, templates } from '../../languages/shared/language-templates.js';
import { finishFolder, templateFiles } from '../local/templates.js';
import { parseName } from '../terminal/arguments.js';
import { CommandError } from '../terminal/errors.js';
import { printLine } from '../terminal/output.js';

interface InitOptions {
  runtime: RuntimeName;
  template: Template;
}

export function addInit(program: Command): void {
  program
    .command('init')
    .description('create a folder with a new function that can be deployed as it is')
    .argument('<name>', 'the name of the function and of its folder; . for the current folder and its name', parseTarget)
    .addOption(new Option('--runtime <runtime>', 'the language runtime of the handler').choices(runtimeNames).default('node'))
    .addOption(new Option('--template <template>', 'the example: text in and out, or JSON in and out').choices(templates).default('hello'))
    .addHelpText('after', '\nExample:\n  dcf init greeter --runtime python\n  dcf init .\n')
    .action(async (target: Target, options: InitOptions) => {
      await init(target, options);
    });
}

/** Is not written if it exists: a repository has its own. */
const ignoreFile = '.gitignore';

/** A new function, and its folder. */
interface Target {
  name: string;
  folder: string;
}

function parseTarget(text: string): Target {
  if (!/^\.\/?$/.test(text)) return { name: parseName(text), folder: text };
  const current = basename(process.cwd());
  const name = current
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+|-+$/g, '');
  if (isFunctionName(name)) return { name, folder: '.' };
  throw new InvalidArgumentError(`The name of this folder, ${JSON.stringify(current)}, cannot be a function's name: use dcf init NAME.`);
}

async function init({ name, folder }: Target, { runtime, template }: InitOptions): Promise<void> {
  const { files, example } = templateFiles(name, runtime, template);
  const paths = Object.keys(files).filter((path) => path !== ignoreFile || !existsSync(join(folder, path)));
  await refuseClashes(folder, paths);
  try {
    for (const path of paths) {
      const content = files[path] ?? '';
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), content, { flag: 'wx' });
    }
    await finishFolder(folder, runtime);
  } catch (error) {
    throw new CommandError(1, `the folder ${folder} cannot be written: ${reasonOf(error)}`);
  }
  const where = folder === '.' ? '' : ` ${folder}`;
  await printLine(`${name} is ready: ${paths.join(', ')}`);
  await printLine(`run it:    dcf run${where} --input ${join(folder, example)}`);
  await printLine(`deploy it: dcf deploy${where}`);
  await printLine(`call it:   dcf invoke ${name} --input ${join(folder, example)}`);
}

/** Throws a CommandError if any of the files exists already: nothing is overwritten, and then nothing is written at all. */
async function refuseClashes(folder: string, paths: readonly string[]): Promise<void> {
  const there: string[] = [];
  for (const path of paths) {
    try {
      await lstat(join(folder, path));
      there.push(path);
    } catch (error) {
      const code = errorCode(error);
      if (code === 'ENOTDIR') throw new CommandError(1, `${folder} is a file, or has a file in place of a folder: choose another name`);
      if (code !== 'ENOENT') throw new CommandError(1, `${folder} cannot be read: ${reasonOf(error)}`);
    }
  }
  if (there.length === 0) return;
  const [it, exist] = there.length === 1 ? ['it', 'exists'] : ['them', 'exist'];
  throw new CommandError(
    1,
    `${join(folder, there.join(', '))} ${exist} already: nothing was written; choose another name, or move ${it} away`,
  );
}
