import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readYaml } from '@dcf/sdk/manifest';
import { decodeText } from '@dcf/sdk/package';
import { DcfError, messageOf } from '../core/errors.js';
import { shownDefaultData } from './default-data.js';
import { flagOf, isSettingName, parseSetting, type SettingName, type Settings, settings, variableOf } from './settings.js';

/** What the command line asks for. */
export type Command = { kind: 'help' } | { kind: 'version' } | { kind: 'run'; settings: Settings };

/** A setting as somebody wrote it, and where. */
interface Given {
  text: string;
  source: string;
}

const names = Object.keys(settings).filter(isSettingName);

/**
 * Puts the settings together: flag over variable over file over default.
 *
 * @param argv - the arguments behind the program's name
 * @throws DcfError INVALID_ARGUMENT that says where the mistake stands and what is allowed
 */
export function readCommand(argv: readonly string[], environment: NodeJS.ProcessEnv): Command {
  const flags = readFlags(argv);
  if (flags['help'] === true) return { kind: 'help' };
  if (flags['version'] === true) return { kind: 'version' };
  const { config } = flags;
  const file = readFile(typeof config === 'string' ? config : environment['DCF_CONFIG']);
  const given = (name: SettingName): Given => {
    const flag = flags[flagOf(name)];
    if (flag !== undefined) return { text: String(flag), source: `--${flagOf(name)}` };
    const variable = environment[variableOf(name)];
    if (variable !== undefined) return { text: variable, source: variableOf(name) };
    return file.get(name) ?? { text: settings[name].fallback, source: 'default' };
  };
  const value = <Name extends SettingName>(name: Name): Settings[Name] => {
    const { text, source } = given(name);
    return parseSetting(name, text, source);
  };
  const result: Settings = {
    data: value('data'),
    grpc: value('grpc'),
    http: value('http'),
    token: value('token'),
    tokenFile: value('tokenFile'),
    insecure: value('insecure'),
    maxPayload: value('maxPayload'),
    maxBytesInFlight: value('maxBytesInFlight'),
    maxResourceSize: value('maxResourceSize'),
    resourceHosts: value('resourceHosts'),
    resourceAllowPrivate: value('resourceAllowPrivate'),
    resourceCa: value('resourceCa'),
    corsOrigins: value('corsOrigins'),
    maxConnections: value('maxConnections'),
    firstByteTimeout: value('firstByteTimeout'),
    bodyTimeout: value('bodyTimeout'),
    killGrace: value('killGrace'),
    drainGrace: value('drainGrace'),
    python: value('python'),
    installPackages: value('installPackages'),
    packages: value('packages'),
    cgroup: value('cgroup'),
    keepWarm: value('keepWarm'),
    callLog: value('callLog'),
    logLevel: value('logLevel'),
  };
  return { kind: 'run', settings: secured(result) };
}

/** The help of `dcfd`. */
export function helpText(): string {
  const rows = names.map((name) => {
    const { help, fallback } = settings[name];
    const placeholder = 'placeholder' in settings[name] ? ` ${settings[name].placeholder}` : '';
    const shown = name === 'data' ? shownDefaultData : fallback;
    return `  ${`--${flagOf(name)}${placeholder}`.padEnd(30)}${help}${shown === '' || shown === 'false' ? '' : ` (${shown})`}`;
  });
  return `dcfd: the DCF daemon, which runs your functions and serves calls to them.

Usage: dcfd [options]

${rows.join('\n')}
  ${'--config FILE'.padEnd(30)}a YAML file with any of these, such as "maxPayload: 128MiB"
  ${'--help, --version'}

Each is also a variable, such as DCF_MAX_PAYLOAD. Flag over variable over file over default.
`;
}

function readFlags(argv: readonly string[]): Record<string, string | boolean | undefined> {
  const options: Record<string, { type: 'string' | 'boolean' }> = {
    config: { type: 'string' },
    help: { type: 'boolean' },
    version: { type: 'boolean' },
  };
  for (const name of names) options[flagOf(name)] = { type: 'placeholder' in settings[name] ? 'string' : 'boolean' };
  try {
    const { values } = parseArgs({ args: [...argv], options, strict: true, allowPositionals: false });
    return Object.fromEntries(Object.entries(values).filter((entry): entry is [string, string | boolean] => !Array.isArray(entry[1])));
  } catch (error) {
    throw new DcfError('INVALID_ARGUMENT', `${messageOf(error).replace(/\.$/, '')}. dcfd --help lists the options.`);
  }
}

function readFile(path: string | undefined): Map<SettingName, Given> {
  const found = new Map<SettingName, Given>();
  if (path === undefined) return found;
  // A setting is parsed from the text that was written: a token 1.10 is no number.
  const { value: content } = readYaml(readConfiguration(path), path, 'texts');
  if (content === null || content === '') return found;
  if (typeof content !== 'object' || Array.isArray(content))
    throw new DcfError('INVALID_ARGUMENT', `${path}: a mapping of keys to values is allowed`);
  for (const [key, value] of Object.entries(content)) {
    if (!isSettingName(key)) throw new DcfError('INVALID_ARGUMENT', `${path}: unknown key "${key}"; allowed: ${names.join(', ')}`);
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

/** Nobody without a token gets in from another machine, unless the user says so. */
function secured(given: Settings): Settings {
  const token = given.token ?? (given.tokenFile === undefined ? undefined : readToken(given.tokenFile));
  const open = [given.grpc, given.http].find((address) => address !== undefined && !isLoopback(address.host));
  if (open !== undefined && token === undefined && !given.insecure) {
    const message = `${open.host} can be reached from other machines, and the daemon has no token: set DCF_TOKEN or --token-file, or say --insecure`;
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

/** Whether only this machine can reach an address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}
