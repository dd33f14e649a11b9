import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { errorCode, messageOf, reasonOf } from '../../core/errors.js';
import { usageError } from '../terminal/errors.js';

/** The daemon to talk to. */
export interface Connection {
  url: string;
  token: string | undefined;
  /** Whether the user named the daemon; false if the URL is the default one. */
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

/** The path of the config file: `~/.config/dcf/config.yaml`, or below XDG_CONFIG_HOME (https://specifications.freedesktop.org/basedir-spec/latest/). */
export function configPath(environment: Environment = process.env): string {
  const home = environment['XDG_CONFIG_HOME'];
  return join(home === undefined || home === '' ? join(homedir(), '.config') : home, 'dcf', 'config.yaml');
}

/**
 * Finds out which daemon to talk to: by the options, or else the environment variables, the config file, or the default. The token in the
 * config file is for the URL in the config file, and is not sent to any other.
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
  if (typeof content !== 'object' || content === null || Array.isArray(content))
    throw usageError(`${path} must be a mapping; allowed keys: url, token`);
  const config: ConfigFile = {};
  for (const [key, value] of Object.entries(content)) {
    if (key !== 'url' && key !== 'token') throw usageError(`${path}: unknown key "${key}"; allowed: url, token`);
    if (typeof value !== 'string' || value === '') throw usageError(`${path}: "${key}" must be a text that is not empty`);
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
    throw usageError(`${path} cannot be read: ${reasonOf(error)}`);
  }
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}

/** Loads the package yaml. Most commands do not need it, and loading it would take a fifth of their start. */
function yaml(): typeof import('yaml') {
  return createRequire(import.meta.url)('yaml');
}
