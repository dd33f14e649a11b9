import { DcfError } from '../core/errors.js';
import { parseDuration, parseSize } from '../core/units.js';

/** An address to listen on. */
export interface Address {
  host: string;
  port: number;
}

interface Setting<Value> {
  /** What stands behind the flag in the help; a setting without one is a switch. */
  placeholder?: string;
  help: string;
  fallback: string;
  /** Throws an Error whose message says what is allowed. */
  parse: (text: string) => Value;
}

function setting<Value>(placeholder: string, fallback: string, help: string, parse: (text: string) => Value): Setting<Value> {
  return { placeholder, fallback, help, parse };
}

function allowed(what: string): never {
  throw new Error(what);
}

function parseAddress(text: string, what = 'HOST:PORT, such as 127.0.0.1:32222'): Address {
  const [, host, bracketed, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const name = host ?? bracketed;
  if (name === undefined || port === undefined || Number(port) > 65_535) return allowed(what);
  return { host: name, port: Number(port) };
}

function parseAddressOrOff(text: string): Address | undefined {
  if (text === 'off') return undefined;
  return parseAddress(text, 'HOST:PORT, such as 127.0.0.1:32223, or off');
}

function parseWhole(text: string): number {
  return /^\d{1,9}$/.test(text) && Number(text) > 0 ? Number(text) : allowed('a whole number above 0');
}

const duration = (text: string): number => parseDuration(text) ?? allowed('a duration with its unit, such as 500ms, 30s or 5m');
const size = (text: string): number => parseSize(text) ?? allowed('a size with its unit, such as 64MiB');
/** A message of gRPC cannot be longer. */
const maxMessage = 2 * 2 ** 30;

function payloadSize(text: string): number {
  const found = parseSize(text);
  return found !== undefined && found <= maxMessage ? found : allowed('a size with its unit, such as 64MiB, of at most 2GiB');
}

const asItIs = (text: string): string => text;
const optional = (text: string): string | undefined => (text === '' ? undefined : text);

function oneOf<const Names extends readonly string[]>(...names: Names): (text: string) => Names[number] {
  return (text) => names.find((name) => name === text) ?? allowed(names.join(', '));
}

function parseOnOff(text: string): boolean {
  if (text === 'on' || text === 'true') return true;
  return text === 'off' || text === 'false' ? false : allowed('on or off');
}

function parseSwitch(text: string): boolean {
  if (text === 'true' || text === '1') return true;
  return text === 'false' || text === '0' || text === '' ? false : allowed('true or false');
}

function listOf(text: string): string[] {
  const entries = text.split(',').map((entry) => entry.trim().toLowerCase());
  return entries.filter((entry) => entry !== '');
}

function hosts(text: string): readonly string[] {
  const found = listOf(text);
  const isHost = (entry: string): boolean =>
    /^(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/.test(entry) || /^[0-9a-f:]*:[0-9a-f:.]*$/.test(entry);
  return found.every(isHost) ? found : allowed('hosts without ports, such as example.com,*.example.org');
}

function origins(text: string): readonly string[] {
  const found = listOf(text);
  const isOrigin = (entry: string): boolean =>
    entry === '*' || /^https?:\/\/(\*\.)?([a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\])(:\d{1,5})?$/.test(entry);
  if (found.every(isOrigin)) return found;
  return allowed('* for all, or origins as browsers send them, without a path, such as https://app.example.com,https://*.example.org');
}

function hostsWithPorts(text: string): readonly string[] {
  const found = listOf(text);
  const isHost = (entry: string): boolean => /^(\[[0-9a-f:.]+\]|[^:/*]+):\d{1,5}$/.test(entry);
  return found.every(isHost) ? found : allowed('HOST:PORT, such as models.internal:443,10.0.0.7:8443');
}

/**
 * Every setting of the daemon, once: its flag is the key in kebab-case, its variable DCF_ and the key in capitals, its key in
 * the file the key itself.
 */
export const settings = {
  data: setting('DIR', '', 'where functions, blobs and logs are kept', optional),
  grpc: setting('HOST:PORT', '127.0.0.1:32222', 'where gRPC is served', (text) => parseAddress(text)),
  http: setting('HOST:PORT', '127.0.0.1:32223', 'where HTTP is served; off: nowhere', parseAddressOrOff),
  token: setting('TOKEN', '', 'what every caller has to show; better as DCF_TOKEN or --token-file', optional),
  tokenFile: setting('FILE', '', 'a file with the token', optional),
  insecure: { help: 'listen beyond loopback without a token', fallback: 'false', parse: parseSwitch } satisfies Setting<boolean>,
  maxPayload: setting('SIZE', '64MiB', 'the largest input or output of a call, whatever a function says; at most 2GiB', payloadSize),
  maxBytesInFlight: setting('SIZE', '1GiB', 'inputs of all calls in flight together', size),
  maxResourceSize: setting('SIZE', '50GiB', 'the largest resource that is downloaded', size),
  resourceHosts: setting('HOST,...', '', 'where resources may come from, such as *.example.com; all public hosts otherwise', hosts),
  resourceAllowPrivate: setting('LIST', '', 'HOST:PORT,... of hosts for resources whose addresses may be private', hostsWithPorts),
  resourceCa: setting('FILE', '', 'certificate authorities for resources besides the usual ones, PEM', optional),
  corsOrigins: setting(
    'LIST',
    '',
    'pages in browsers that may call over HTTP, by origin: https://app.example.com,https://*.example.org, or *',
    origins,
  ),
  maxConnections: setting('COUNT', '10000', 'connections at the same time, at each address', parseWhole),
  firstByteTimeout: setting('TIME', '10s', 'how long a new connection may stay silent', duration),
  bodyTimeout: setting('TIME', '60s', 'how long a request may take to come', duration),
  killGrace: setting('TIME', '1s', "how long a Handler may run on past its call's deadline", duration),
  drainGrace: setting('TIME', '30s', 'how long calls may take to finish when the daemon or a revision stops', duration),
  python: setting('PROGRAM', 'python3', 'what runs Python functions whose manifests ask for no version', asItIs),
  installPackages: {
    help: 'install the Debian packages that functions name in packages.apt (as root)',
    fallback: 'false',
    parse: parseSwitch,
  } satisfies Setting<boolean>,
  packages: setting('DIR', '', "a folder of functions' folders, which Deploy of the original contract may name", optional),
  cgroup: setting('DIR', '', 'a cgroup given to the daemon, in which the kernel puts limits.memory in force', optional),
  keepWarm: setting('TIME', '60s', 'how long the replicas of the revision before stay ready for a rollback', duration),
  callLog: setting('on|off', 'on', "whether each call gets a line in its function's log", parseOnOff),
  logLevel: setting('LEVEL', 'info', 'debug, info, warn or error', oneOf('debug', 'info', 'warn', 'error')),
} as const;

export type SettingName = keyof typeof settings;

/** The settings, ready for use: sizes in bytes, durations in milliseconds. */
export type Settings = { [Name in SettingName]: ReturnType<(typeof settings)[Name]['parse']> };

/** Whether `key` is a setting's name. */
export function isSettingName(key: string): key is SettingName {
  return Object.hasOwn(settings, key);
}

/** `maxPayload` as `max-payload`. */
export function flagOf(name: SettingName): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `maxPayload` as `DCF_MAX_PAYLOAD`. */
export function variableOf(name: SettingName): string {
  return `DCF_${flagOf(name).replaceAll('-', '_').toUpperCase()}`;
}

/** The value of one setting. Throws a DcfError INVALID_ARGUMENT that says where the text came from and what is allowed. */
export function parseSetting<Name extends SettingName>(name: Name, text: string, source: string): Settings[Name];
export function parseSetting(name: SettingName, text: string, source: string): Settings[SettingName] {
  try {
    return settings[name].parse(text);
  } catch (error) {
    const shown = name === 'token' ? 'what was given' : JSON.stringify(text);
    throw new DcfError(
      'INVALID_ARGUMENT',
      `${source}: ${shown} is not allowed; allowed: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
