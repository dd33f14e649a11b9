/** The longest path of a file in a package, in bytes of UTF-8. */
const maximumPathBytes = 512;
/** The longest name between two slashes, in bytes of UTF-8: the limit of common file systems. */
const maximumNameBytes = 255;
/** The largest number of files in a package. */
export const maximumFiles = 20_000;

/**
 * Why `path` is not allowed as the path of a file in a package; the text is meant to follow the path, such as `is absolute`. `undefined` if
 * it is allowed. A path is relative to the function's folder, with forward slashes and without `.` or `..`, so that joined to a folder it
 * never leads out of that folder, on any system.
 */
export function checkPackagePath(path: string): string | undefined {
  if (path === '') return 'is empty';
  if (!path.isWellFormed()) return 'is not valid Unicode';
  if (hasControlCharacter(path)) return 'has a control character in it';
  if (path.includes('\\')) return 'has a backslash in it: use forward slashes';
  if (path.startsWith('/')) return 'is absolute: it must be relative to the folder of the function';
  if (/^[A-Za-z]:/.test(path)) return 'begins with a drive letter: it must be relative to the folder of the function';
  const bytes = Buffer.byteLength(path);
  if (bytes > maximumPathBytes) return `is ${bytes} bytes long: up to ${maximumPathBytes} are allowed`;
  const names = path.split('/');
  for (const name of names) {
    const problem = checkName(name);
    if (problem !== undefined) return problem;
  }
  // The daemon puts the installed dependencies there.
  if (names[0]?.toLowerCase() === 'node_modules') return 'is in node_modules: name dependencies in package.json, the daemon installs them';
  return undefined;
}

/**
 * Two paths of which only one can exist on a file system that ignores case or Unicode form, or where one is a file and the
 * other needs a folder of that name; `undefined` when there are none. Equal paths collide too.
 */
export function findCollision(paths: Iterable<string>): [string, string] | undefined {
  const pathByFolded = new Map<string, string>();
  for (const path of paths) {
    const folded = foldPath(path);
    const other = pathByFolded.get(folded);
    if (other !== undefined) return [other, path];
    pathByFolded.set(folded, path);
  }
  for (const [folded, path] of pathByFolded) {
    for (let slash = folded.indexOf('/'); slash !== -1; slash = folded.indexOf('/', slash + 1)) {
      const file = pathByFolded.get(folded.slice(0, slash));
      if (file !== undefined) return [file, path];
    }
  }
  return undefined;
}

/** A form that is equal for paths which some file system treats as the same. Upper case after lower case also joins `ſ` with `s` and `ς` with `σ`. */
function foldPath(path: string): string {
  return path.normalize('NFC').toLowerCase().toUpperCase().normalize('NFC');
}

function checkName(name: string): string | undefined {
  if (name === '') return 'has an empty name in it: remove a double slash, or a slash at the end';
  if (name === '.' || name === '..') return `has "${name}" in it: it must not lead out of the folder of the function`;
  const bytes = Buffer.byteLength(name);
  if (bytes > maximumNameBytes) return `has a name of ${bytes} bytes in it: up to ${maximumNameBytes} are allowed`;
  return undefined;
}

function hasControlCharacter(path: string): boolean {
  for (let index = 0; index < path.length; index++) {
    const unit = path.charCodeAt(index);
    if (unit < 0x20 || (unit >= 0x7f && unit < 0xa0)) return true;
  }
  return false;
}

/** The path of the handler's bundle in a package: always at its root. */
export const bundleName = 'handler.mjs';
export const bundleMapName = `${bundleName}.map`;
