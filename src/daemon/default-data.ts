import { statSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

/** The data directory of a daemon that was given none. */
export interface DefaultData {
  directory: string;
  /** A warning about a choice that may surprise the operator. */
  warning: string | undefined;
}

export interface DefaultDataOptions {
  environment: Readonly<Record<string, string | undefined>>;
  /** The current working directory. */
  folder: string;
  /** Whether the daemon runs as root. */
  root: boolean;
}

/** The default as the help shows it. */
export const shownDefaultData = '~/.local/share/dcf; as root /var/lib/dcf';

/**
 * The default data directory: `$XDG_DATA_HOME/dcf` or `~/.local/share/dcf` (https://specifications.freedesktop.org/basedir-spec/latest/),
 * and `/var/lib/dcf` as root. It does not depend on the working directory, with one exception: when `./data` has an earlier daemon's
 * data, that is used.
 */
export function defaultData({ environment, folder, root }: DefaultDataOptions): DefaultData {
  const usual = root ? '/var/lib/dcf' : join(dataHome(environment['XDG_DATA_HOME']), 'dcf');
  const here = resolve(folder, 'data');
  if (!isData(here)) return { directory: usual, warning: undefined };
  const warning = `${here} has the data of an earlier daemon, so this daemon uses it instead of ${usual}; choose another folder with --data`;
  return { directory: here, warning };
}

/**
 * The data directory of this process.
 *
 * @param given - the setting `data`
 * @param warn - called with a warning about a default that may surprise the operator
 */
export function dataDirectory(given: string | undefined, warn: (warning: string) => void): string {
  if (given !== undefined) return given;
  const { directory, warning } = defaultData({ environment: process.env, folder: process.cwd(), root: process.getuid?.() === 0 });
  if (warning !== undefined) warn(warning);
  return directory;
}

function dataHome(given: string | undefined): string {
  return given !== undefined && isAbsolute(given) ? given : join(homedir(), '.local', 'share');
}

/** Whether a folder is a data directory: it has the lock, and the folders of functions and blobs. */
function isData(folder: string): boolean {
  return ['lock', 'functions', 'blobs/sha256'].every((name) => statSync(join(folder, name), { throwIfNoEntry: false }) !== undefined);
}
