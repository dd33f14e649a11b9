import { readFileSync } from 'node:fs';
import { readYaml } from '@dcf/sdk/manifest';
import { closestName } from '@dcf/sdk/names';
import { decodeText } from '@dcf/sdk/package';
import { CommanderError, Command as CommandLine } from 'commander';
import { DcfError, messageOf } from '../core/errors.js';
import { isLocal, shownAddress } from '../gateway/listen-address.js';
import { isSettingName, type SettingName, type Settings, settingNames, settings, settingsReference } from './settings.js';

/** What the command line asks `dcfd` to do. */
export type Command = { kind: 'help' } | { kind: 'version' } | { kind: 'run'; settings: Settings };

/** The text of a setting as the user wrote it. */
interface Given {
  text: string;
  /** Where it was written: a flag, a variable, or a file with the key. */
  source: string;
}

/**
 * Reads the settings. A flag overrides a variable, a variable the file, and the file the default.
 *
 * @param argv - the arguments after the program's name
 * @throws DcfError INVALID_ARGUMENT that says where each mistake is and what is allowed
 */
export function readCommand(argv: readonly string[], environment: NodeJS.ProcessEnv): Command {
  const flags = readFlags(argv);
  if (flags.has('help')) return { kind: 'help' };
  if (flags.has('version')) return { kind: 'version' };
  const file = readFile(flags.get('config') ?? environment['DCF_CONFIG']);
  const given = new Map<PropertyKey, Given>(file);
  for (const { key, flag, variable } of settingsReference()) {
    const typed = flags.get(key);
    const inherited = environment[variable];
    if (typed !== undefined) given.set(key, { text: typed, source: flag });
    else if (inherited !== undefined) given.set(key, { text: inherited, source: variable });
  }
  const texts = Array.from(given, ([key, { text }]) => [key, text] as const);
  const { success, data, error } = settings.safeParse(Object.fromEntries(texts));
  if (success) return { kind: 'run', settings: secured(data) };
  throw new DcfError(
    'INVALID_ARGUMENT',
    error.issues.map(({ path: [key = ''], message }) => mistake(key, given.get(key), message)).join('\n'),
  );
}

function mistake(key: PropertyKey, given: Given | undefined, allowed: string): string {
  const shown = key === 'token' ? 'the given value' : JSON.stringify(given?.text);
  return `${given?.source}: ${shown} is not allowed; allowed: ${allowed}`;
}

/** The text of `dcfd --help`. */
export function helpText(): string {
  const rows = settingsReference().map(({ flag, placeholder, help, default: fallback }) => {
    const shown = fallback === '' || placeholder === undefined ? '' : ` (${fallback})`;
    return `  ${(placeholder === undefined ? flag : `${flag} ${placeholder}`).padEnd(30)}${help}${shown}`;
  });
  return `dcfd: the DCF daemon, which runs your functions and serves calls to them.

Usage: dcfd [options]

${rows.join('\n')}
  ${'--config FILE'.padEnd(30)}a YAML file with any of these settings, such as "maxPayload: 128MiB"
  ${'--help, --version'}

Each is also an environment variable, such as DCF_MAX_PAYLOAD. A flag overrides a variable, a variable the file, and the file the default.
`;
}

/** The given options, by the setting's name or `config`, `help` or `version`. */
function readFlags(argv: readonly string[]): Map<string, string> {
  const line = new CommandLine('dcfd').exitOverride().allowExcessArguments().helpOption(false);
  line
    .configureOutput({ writeErr: () => undefined })
    .option('--config <FILE>')
    .option('--help')
    .option('--version');
  for (const { flag, placeholder } of settingsReference()) line.option(placeholder === undefined ? flag : `${flag} <value>`);
  try {
    line.parse(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const message = error.message.replace(/^error: /, '').replace(/\n\((.*)\)$/, ': $1');
    throw new DcfError('INVALID_ARGUMENT', `${message.replace(/[^?]$/, '$&.')} dcfd --help lists the options.`);
  }
  const [stray] = line.args;
  if (stray !== undefined)
    throw new DcfError('INVALID_ARGUMENT', `${JSON.stringify(stray)} is not an option. dcfd --help lists the options.`);
  return new Map(Object.entries(line.opts<Record<string, string | true>>()).map(([name, value]) => [name, String(value)]));
}

function readFile(path: string | undefined): Map<SettingName, Given> {
  const found = new Map<SettingName, Given>();
  if (path === undefined) return found;
  // Settings are parsed from the text in the file: a token 1.10 must not become the number 1.1.
  const { value: content } = readYaml(readConfiguration(path), path, 'texts');
  if (content === null || content === '') return found;
  if (typeof content !== 'object' || Array.isArray(content))
    throw new DcfError('INVALID_ARGUMENT', `${path}: the file must be a mapping of keys to values`);
  for (const [key, value] of Object.entries(content)) {
    if (!isSettingName(key)) {
      const closest = closestName(key, settingNames);
      const meant = closest === undefined ? '' : ` (did you mean "${closest}"?)`;
      throw new DcfError('INVALID_ARGUMENT', `${path}: unknown key "${key}"${meant}; allowed: ${settingNames.join(', ')}`);
    }
    const isText = typeof value === 'string' || (Array.isArray(value) && value.every((entry) => typeof entry === 'string'));
    if (!isText) throw new DcfError('INVALID_ARGUMENT', `${path}: "${key}" is not a text; allowed: a text, or for lists a list of texts`);
    found.set(key, { text: String(value), source: `${path}: ${key}` });
  }
  return found;
}

function readConfiguration(path: string): string {
  try {
    return decodeText(readFileSync(path));
  } catch (error) {
    throw new DcfError('INVALID_ARGUMENT', `the configuration ${path} cannot be read: ${messageOf(error)}`);
  }
}

/** Refuses addresses that other machines can reach without a token, unless `--insecure` is set. Reads the token's file. */
function secured(given: Settings): Settings {
  const token = given.token ?? (given.tokenFile === undefined ? undefined : readToken(given.tokenFile));
  const addresses = [given.grpc, given.http].filter((address) => address !== undefined);
  const open = addresses.find((address) => !isLocal(address));
  if (open !== undefined && token === undefined && !given.insecure) {
    const message = `${shownAddress(open)} can be reached from other machines, and the daemon has no token: set DCF_TOKEN or --token-file, or allow it with --insecure`;
    throw new DcfError('INVALID_ARGUMENT', message);
  }
  return { ...given, token };
}

function readToken(file: string): string {
  let token: string;
  try {
    token = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new DcfError('INVALID_ARGUMENT', `the token file ${file} cannot be read: ${messageOf(error)}`);
  }
  if (token === '') throw new DcfError('INVALID_ARGUMENT', `the token file ${file} is empty`);
  return token;
}
