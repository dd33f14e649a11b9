import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '@dcf/sdk/errors';
import { errorCode } from '../../core/errors.js';
import { usageError } from '../terminal/errors.js';

/** Which daemon, and how the command line came to know it. */
export interface Connection {
  url: string;
  token: string | undefined;
  /** false: nobody named a daemon, and the URL is the default one. */
  named: boolean;
}

/** The options that every command has. */
export interface ConnectionOptions {
  url?: string;
  token?: string;
}

export const defaultUrl = '127.0.0.1:32222';

type Environment = Readonly<Record<string, string | undefined>>;
interface ConfigFile {
  url?: string;
  token?: string;
}

/** `~/.config/dcf/config.yaml`, or below XDG_CONFIG_HOME (https://specifications.freedesktop.org/basedir-spec/latest/). */
export function configPath(environment: Environment = process.env): string {
  const home = environment['XDG_CONFIG_HOME'];
  return join(home === undefined || home === '' ? join(homedir(), '.config') : home, 'dcf', 'config.yaml');
}

/**
 * Which daemon to talk to: option over variable over config file over default. The config file's token belongs to the
 * config file's URL and is sent nowhere else.
 *
 * @throws CommandError (2) when the config file or the token file cannot be read
 */
export function connectionOf(options: ConnectionOptions, environment: Environment = process.env): Connection {
  const config = readConfig(configPath(environment));
  const configUrl = config.url ?? defaultUrl;
  const named = options.url ?? nonEmpty(environment['DCF_URL']) ?? config.url;
  const url = named ?? defaultUrl;
  const token = options.token ?? nonEmpty(environment['DCF_TOKEN']) ?? readTokenFile(environment['DCF_TOKEN_FILE']);
  return { url, token: token ?? (url === configUrl ? config.token : undefined), named: named !== undefined };
}

function readConfig(path: string): ConfigFile {
  const text = readIfThere(path);
  if (text === undefined) return {};
  let content: unknown;
  try {
    // A token is the text that was written: 1.10 is no number.
    content = yaml().parse(text, { schema: 'failsafe', logLevel: 'error' }) ?? {};
  } catch (error) {
    const reason = /multiple documents/.test(messageOf(error)) ? 'it has a second document; allowed: one' : messageOf(error);
    throw usageError(`${path} is not valid YAML: ${reason}`);
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) throw usageError(`${path}: url and token are its keys`);
  const config: ConfigFile = {};
  for (const [key, value] of Object.entries(content)) {
    if (key !== 'url' && key !== 'token') throw usageError(`${path}: unknown key "${key}"; allowed: url, token`);
    if (typeof value !== 'string' || value === '') throw usageError(`${path}: "${key}" must be a text`);
    config[key] = value;
  }
  return config;
}

function readTokenFile(path: string | undefined): string | undefined {
  if (path === undefined || path === '') return undefined;
  const token = readIfThere(path)?.trim();
  if (token === undefined) throw usageError(`DCF_TOKEN_FILE names ${path}, which does not exist`);
  if (token === '') throw usageError(`${path}, which DCF_TOKEN_FILE names, is empty: it must hold the token`);
  return token;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw usageError(`${path} cannot be read: ${messageOf(error)}`);
  }
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}

/** The package yaml, loaded when a command needs it: most are not given any YAML, and it takes a fifth of their start. */
export function yaml(): typeof import('yaml') {
  return createRequire(import.meta.url)('yaml');
}
