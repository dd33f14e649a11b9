import type { Command } from 'commander';
import { type ConnectionOptions, connectionOf } from '../daemon/config.js';
import { type Checkup, checkUp } from '../local/checkup.js';
import { CommandError } from '../terminal/errors.js';
import { outColours, plain, print, printJson } from '../terminal/output.js';

interface DoctorOptions extends ConnectionOptions {
  json?: boolean;
}

const help = `
Exits with 1 when something is broken that a function needs: a Node version that is too old, no usable execution provider,
a disk that is full, or a daemon that was named (--url, DCF_URL, config file) and does not answer. No daemon at the
default address is no failure: "dcf run" needs none.

Example:
  dcf doctor --json
`;

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('what works here: Node, Python, GPU, execution providers, sandboxes, daemon, disk')
    .option('--json', 'as JSON')
    .addHelpText('after', help)
    .action(async (_options: object, command: Command) => {
      await doctor(command.optsWithGlobals<DoctorOptions>());
    });
}

async function doctor(options: DoctorOptions): Promise<void> {
  const checkup = await checkUp(connectionOf(options));
  if (options.json === true) await printJson(checkup);
  else await print(formatCheckup(checkup));
  const broken = checkup.checks.filter((check) => check.state === 'broken');
  if (broken.length > 0) throw new CommandError(1, `broken: ${broken.map((check) => check.name).join(', ')}`);
}

/** One check a line: a mark, its name, what was found. */
export function formatCheckup({ checks, machine }: Checkup): string {
  const width = Math.max(...checks.map((check) => check.name.length));
  const marks = { ok: outColours.green('ok    '), note: outColours.yellow('note  '), broken: outColours.red('broken') };
  const lines = checks.map(({ name, state, detail }) => `${marks[state]}  ${name.padEnd(width)}  ${plain(detail)}`);
  return [...lines, `Providers, devices, sandbox, memory limits and disk are those of ${machine}.`].map((line) => `${line}\n`).join('');
}
