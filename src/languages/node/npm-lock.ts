import { isRecord } from '../../core/json.js';

type Entry = Readonly<Record<string, unknown>>;

const modules = 'node_modules/';

/**
 * Removes from a lock file the packages that only dropped dependencies, or those for development, need. A lock file without a list of
 * packages (npm before 7) is returned unchanged. https://docs.npmjs.com/cli/configuring-npm/package-lock-json
 *
 * @param lock - the content of package-lock.json, of version 2 or 3
 * @param dropped - names of direct dependencies that must not be installed
 */
export function pruneLock(lock: Entry, dropped: ReadonlySet<string>): Entry {
  // npm ignores the list of dependencies when there is a list of packages.
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

/** An object of package.json whose keys are names of packages, without the dropped ones. */
export function withoutNames(named: unknown, dropped: ReadonlySet<string>): Entry {
  return Object.fromEntries(Object.entries(asEntry(named)).filter(([name]) => !dropped.has(name)));
}

function wantedBy(entry: Entry): string[] {
  return ['dependencies', 'optionalDependencies', 'peerDependencies'].flatMap((key) => Object.keys(asEntry(entry[key])));
}

/** The path of a package that another one imports. Node looks in the other package's own node_modules first, and then upwards. */
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
