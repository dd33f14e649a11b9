import { messageOf } from '@dcf/sdk/errors';
import { type Override, parseOverride, parseTextOverride } from '@dcf/sdk/manifest';
import { type Command, InvalidArgumentError } from 'commander';
import { note } from './output.js';

/** The options that change the manifest. */
export interface OverrideOptions {
  set?: Override[];
  setString?: Override[];
}

/** Adds `--set` and `--set-string` to a command that reads a function.yaml. */
export function addOverrideOptions(command: Command): Command {
  return command
    .option('--set <key=value>', 'change a key of the manifest; the value is read as YAML. May be given several times', collectOverride)
    .option(
      '--set-string <key=value>',
      'change a key of the manifest; the value is always a text. May be given several times',
      collectTextOverride,
    );
}

/** All changes in the order in which they are made: those of `--set-string` come after those of `--set`. */
export function overridesOf({ set = [], setString = [] }: OverrideOptions): Override[] {
  return [...set, ...setString];
}

/** Reads one `--set parameters.invert=false`, and adds it to those before it. */
export function collectOverride(text: string, before: readonly Override[] = []): Override[] {
  const override = read(parseOverride, text);
  const written = text.slice(text.indexOf('=') + 1).trim();
  // People who write 1.10 often mean a version.
  if (typeof override.value === 'number' && /\.\d*0$/.test(written)) {
    note(`dcf: ${override.shown}: ${written} is the number ${override.value}; use --set-string for the text`);
  }
  return [...before, override];
}

/** Reads one `--set-string parameters.version=1.10`, and adds it to those before it. */
export function collectTextOverride(text: string, before: readonly Override[] = []): Override[] {
  return [...before, read(parseTextOverride, text)];
}

function read(parse: (text: string) => Override, text: string): Override {
  try {
    return parse(text);
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error));
  }
}
