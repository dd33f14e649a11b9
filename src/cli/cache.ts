import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** `~/.cache/dcf`, or below XDG_CACHE_HOME (https://specifications.freedesktop.org/basedir-spec/latest/): all of it can be made again. */
export function cacheFolder(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  const home = environment['XDG_CACHE_HOME'] ?? '';
  return join(isAbsolute(home) ? home : join(homedir(), '.cache'), 'dcf');
}
