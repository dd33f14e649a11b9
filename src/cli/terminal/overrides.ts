import { messageOf } from '@dcf/sdk/errors';
import { type Override, parseOverride, parseTextOverride } from '@dcf/sdk/manifest';
import { type Command, InvalidArgumentError } from 'commander';
import { note } from './output.js';

/** What the options that change the manifest come to. */
export interface OverrideOptions {
  set?: Override[];
  setString?: Override[];
}

/** Adds `--set` and `--set-string` to a command that reads a function.yaml. */
export function addOverrideOptions(command: Command): Command {
  return command
    .option('--set <key=value>', 'change a key of the manifest, the value read as YAML; may be given many times', collectOverride)
    .option('--set-string <key=value>', 'the same with a value that is text, whatever it looks like', collectTextOverride);
}

/** All changes in the order in which they are made: those of `--set-string` come last. */
export function overridesOf({ set = [], setString = [] }: OverrideOptions): Override[] {
  return [...set, ...setString];
}

/** One `--set parameters.invert=false`, added to the ones before it. */
export function collectOverride(text: string, before: readonly Override[] = []): Override[] {
  const override = read(parseOverride, text);
  const written = text.slice(text.indexOf('=') + 1).trim();
  // Whoever writes 1.10 often means a version.
  if (typeof override.value === 'number' && /\.\d*0$/.test(written)) {
    note(`dcf: ${override.shown}: ${written} is the number ${override.value}; for the text say --set-string`);
  }
  return [...before, override];
}

/** One `--set-string parameters.version=1.10`, added to the ones before it. */
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
