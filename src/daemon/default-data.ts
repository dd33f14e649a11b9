import { statSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

/** Where a daemon keeps its data when nobody says where. */
export interface DefaultData {
  directory: string;
  /** What the operator should know of the choice. */
  word: string | undefined;
}

export interface DefaultDataOptions {
  environment: Readonly<Record<string, string | undefined>>;
  /** The folder that one stands in. */
  folder: string;
  root: boolean;
}

/** For the help. */
export const shownDefaultData = '~/.local/share/dcf; as root /var/lib/dcf';

/**
 * `$XDG_DATA_HOME/dcf` or `~/.local/share/dcf` (https://specifications.freedesktop.org/basedir-spec/latest/), `/var/lib/dcf` as root: the
 * same wherever one stands. Only where a daemon has kept its data in `./data` already, as daemons before did, that is it.
 */
export function defaultData({ environment, folder, root }: DefaultDataOptions): DefaultData {
  const usual = root ? '/var/lib/dcf' : join(dataHome(environment['XDG_DATA_HOME']), 'dcf');
  const here = resolve(folder, 'data');
  if (!isData(here)) return { directory: usual, word: undefined };
  const word = `a daemon has kept its data in ${here}, so this one does, too; without it that would be ${usual}. --data says which`;
  return { directory: here, word };
}

function dataHome(given: string | undefined): string {
  return given !== undefined && isAbsolute(given) ? given : join(homedir(), '.local', 'share');
}

/** Whether a daemon has made a folder: its lock, and where functions and blobs lie. */
function isData(folder: string): boolean {
  return ['lock', 'functions', 'blobs/sha256'].every((name) => statSync(join(folder, name), { throwIfNoEntry: false }) !== undefined);
}
