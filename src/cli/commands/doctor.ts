import type { Command } from 'commander';
import { type ConnectionOptions, connectionOf } from '../daemon/config.js';
import { type Checkup, checkUp } from '../local/checkup.js';
import { CommandError } from '../terminal/errors.js';
import { outColours, plain, print, printJson } from '../terminal/output.js';

interface DoctorOptions extends ConnectionOptions {
  json?: boolean;
}

const help = `
The exit code is 1 if something is broken that a function needs: a Node version that is too old, no usable execution provider, a full
disk, or a daemon that does not answer although it was named (--url, DCF_URL, config file). If no daemon answers at the default address,
that is not a failure, as "dcf run" needs none.

Example:
  dcf doctor --json
`;

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('check what works here: Node, Python, GPU, execution providers, sandboxes, daemon, disk')
    .option('--json', 'print the result as JSON')
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

/** Formats one check per line: its state, its name, and what was found. */
export function formatCheckup({ checks, machine }: Checkup): string {
  const width = Math.max(...checks.map((check) => check.name.length));
  const marks = { ok: outColours.green('ok    '), note: outColours.yellow('note  '), broken: outColours.red('broken') };
  const lines = checks.map(({ name, state, detail }) => `${marks[state]}  ${name.padEnd(width)}  ${plain(detail)}`);
  return [...lines, `Providers, devices, sandbox, memory limits and disk were checked on ${machine}.`].map((line) => `${line}\n`).join('');
}
