import { z } from 'zod';
import { shownDefaultData } from './default-data.js';
import {
  address,
  addressOrOff,
  anyText,
  count,
  duration,
  hosts,
  hostsWithPorts,
  logLevels,
  onOff,
  optional,
  origins,
  payloadSize,
  rowOf,
  setting,
  size,
  trueOrFalse,
} from './setting-kinds.js';

/**
 * The daemon's settings. Flags, variables, keys of the file, the help, the file's schema and the reference are made from this table: a new
 * setting is one row here, and the code that uses it.
 */
export const settings = z.object({
  data: setting(optional, 'DIR', '', 'where functions, blobs and logs are kept'),
  grpc: setting(
    address,
    'ADDRESS',
    '127.0.0.1:32222',
    'where gRPC is served: HOST:PORT, or a Unix socket as unix:/PATH, to which only the user of the daemon may connect',
  ),
  http: setting(addressOrOff, 'HOST:PORT', '127.0.0.1:32223', 'where HTTP is served; off: nowhere'),
  tlsCert: setting(
    optional,
    'FILE',
    '',
    'a PEM file with the certificate, and those that lead to its authority: gRPC is served over TLS (1.2 or later), HTTP stays without',
  ),
  tlsKey: setting(optional, 'FILE', '', 'a PEM file with the private key of the certificate'),
  token: setting(optional, 'TOKEN', '', 'the token that every caller has to send; safer as DCF_TOKEN or --token-file'),
  tokenFile: setting(optional, 'FILE', '', 'a file with the token'),
  insecure: setting(trueOrFalse, undefined, 'false', 'listen beyond loopback without a token'),
  reflection: setting(
    trueOrFalse,
    undefined,
    'false',
    'tell gRPC clients without a contract, such as grpcurl, which services and messages there are (server reflection); with a token only who has it',
  ),
  maxPayload: setting(payloadSize, 'SIZE', '64MiB', 'the largest input or output of a call of any function; at most 2GiB'),
  maxBytesInFlight: setting(size, 'SIZE', '1GiB', 'the most memory for the inputs of all calls in flight together'),
  maxResourceSize: setting(size, 'SIZE', '50GiB', 'the largest resource that is downloaded'),
  resourceHosts: setting(
    hosts,
    'HOST,...',
    '',
    'hosts that resources may be downloaded from, such as *.example.com; all public hosts if not set',
  ),
  resourceAllowPrivate: setting(
    hostsWithPorts,
    'LIST',
    '',
    'hosts, as HOST:PORT,..., that resources may be downloaded from although their addresses are private',
  ),
  resourceCa: setting(optional, 'FILE', '', 'a PEM file with certificate authorities to trust for resources, besides the usual ones'),
  corsOrigins: setting(
    origins,
    'LIST',
    '',
    'origins of web pages that may call over HTTP: https://app.example.com,https://*.example.org, or *',
  ),
  maxConnections: setting(count, 'COUNT', '10000', 'the most connections at the same time, at each address'),
  firstByteTimeout: setting(duration, 'TIME', '10s', 'how long a new connection may stay silent'),
  bodyTimeout: setting(duration, 'TIME', '60s', 'how long a request may take to arrive'),
  killGrace: setting(duration, 'TIME', '1s', "how long a Handler may run on past its call's deadline before its replica is killed"),
  drainGrace: setting(duration, 'TIME', '30s', 'how long calls may take to finish when the daemon or a revision stops'),
  python: setting(anyText, 'PROGRAM', 'python3', 'the program that runs Python functions whose manifests ask for no version'),
  installPackages: setting(trueOrFalse, undefined, 'false', 'install the Debian packages that functions name in packages.apt (as root)'),
  packages: setting(optional, 'DIR', '', "a folder with functions' folders, which Deploy of the original contract may name"),
  cgroup: setting(optional, 'DIR', '', 'a cgroup given to the daemon, in which the kernel enforces limits.memory'),
  keepWarm: setting(duration, 'TIME', '60s', 'how long the replicas of the previous revision stay ready for a rollback'),
  callLog: setting(onOff, 'on|off', 'on', "whether each call gets a line in its function's log"),
  logLevel: setting(logLevels, 'LEVEL', 'info', "which lines the daemon's own log has: debug, info, warn or error, and above"),
});

/** The settings, ready for use: sizes in bytes, durations in milliseconds. */
export type Settings = z.output<typeof settings>;

export type SettingName = keyof Settings;

/** A row of the reference: one setting with all its names. */
export interface SettingReference {
  /** Its key in the settings file. */
  key: SettingName;
  /** Its flag, such as `--max-payload`. */
  flag: string;
  /** Its environment variable, such as `DCF_MAX_PAYLOAD`. */
  variable: string;
  /** Names the value in the help; a switch has none. */
  placeholder: string | undefined;
  /** The default as text; empty: there is none. */
  default: string;
  help: string;
  /** What is allowed, in words. */
  allowed: string;
}

/** Whether `key` is a setting's name. */
export function isSettingName(key: string): key is SettingName {
  return Object.hasOwn(settings.shape, key);
}

/** The names of all settings, in the order of the help. */
export const settingNames: readonly SettingName[] = Object.keys(settings.shape).filter(isSettingName);

/** All settings, in the order of the help. */
export function settingsReference(): readonly SettingReference[] {
  return settingNames.map((key) => {
    const { placeholder, fallback, help, allowed } = rowOf(settings.shape[key]);
    const kebab = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const variable = `DCF_${kebab.replaceAll('-', '_').toUpperCase()}`;
    return { key, flag: `--${kebab}`, variable, placeholder, default: key === 'data' ? shownDefaultData : fallback, help, allowed };
  });
}

/** JSON schema (https://json-schema.org/draft/2020-12/schema) of the settings file, for editors. */
export function settingsFileSchema(): Readonly<Record<string, unknown>> {
  const properties = settingsReference().map((row) => {
    const description = row.default === '' ? row.help : `${row.help} (default: ${row.default})`;
    return [row.key, { description, ...rowOf(settings.shape[row.key]).fileForm }] as const;
  });
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Settings of dcfd',
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(properties),
  };
}
