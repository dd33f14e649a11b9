import { isRecord } from '../disk/json.js';

type Entry = Readonly<Record<string, unknown>>;

const modules = 'node_modules/';

/**
 * A lock file without what only the dropped dependencies, and those for development, bring. One that has no list of packages
 * (npm before 7) is left as it is.
 *
 * @param lock - package-lock.json, of version 2 or 3
 * @param dropped - names of direct dependencies that are not to be installed
 */
export function pruneLock(lock: Entry, dropped: ReadonlySet<string>): Entry {
  // npm reads the list of dependencies only where there is no list of packages.
  const { packages, dependencies: _older, ...rest } = lock;
  if (!isRecord(packages)) return lock;
  const root = prunedRoot(asEntry(packages['']), dropped);
  const kept: Record<string, unknown> = { '': root };
  const waiting = [{ from: '', entry: root }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const name of wantedBy(next.entry)) {
      const path = resolve(packages, next.from, name);
      if (path === undefined || Object.hasOwn(kept, path)) continue;
      const entry = asEntry(packages[path]);
      kept[path] = entry;
      waiting.push({ from: path, entry });
    }
  }
  return { ...rest, packages: kept };
}

function prunedRoot(root: Entry, dropped: ReadonlySet<string>): Entry {
  const { devDependencies: _development, ...rest } = root;
  const lists = ['dependencies', 'optionalDependencies', 'peerDependencies'].filter((key) => isRecord(rest[key]));
  return { ...rest, ...Object.fromEntries(lists.map((key) => [key, withoutNames(rest[key], dropped)])) };
}

/** An object of package.json that has names as keys, without some of them. */
export function withoutNames(named: unknown, dropped: ReadonlySet<string>): Entry {
  return Object.fromEntries(Object.entries(asEntry(named)).filter(([name]) => !dropped.has(name)));
}

function wantedBy(entry: Entry): string[] {
  return ['dependencies', 'optionalDependencies', 'peerDependencies'].flatMap((key) => Object.keys(asEntry(entry[key])));
}

/** Where Node finds a package that is imported from another one: in its own folder of packages, or in one further up. */
function resolve(packages: Entry, from: string, name: string): string | undefined {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf(`/${modules}`)))) {
    const path = `${folder === '' ? '' : `${folder}/`}${modules}${name}`;
    if (Object.hasOwn(packages, path)) return path;
    if (folder === '') return undefined;
  }
}

function asEntry(value: unknown): Entry {
  return isRecord(value) ? value : {};
}
