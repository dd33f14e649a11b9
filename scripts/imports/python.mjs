import { dirname, join } from 'node:path/posix';

/** Folders in which Python looks for the repository's own packages. */
const roots = ['src/runtimes/python', 'sdk/python/src'];
const importFrom = /^[ \t]*from[ \t]+(\.*)([\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n#]*)/gm;
const importModule = /^[ \t]*import[ \t]+([\w.]+)/gm;

/**
 * The repository's own files that a Python file imports, wherever in it the statement stands. Libraries are left out.
 *
 * @param {string} path
 * @param {string} source
 * @param {{ has(path: string): boolean }} files - all files, by their path from the repository's root
 * @returns {Set<string>}
 */
export function pythonImports(path, source, files) {
  const found = new Set();
  const add = (place, name) => {
    const target = [`${place}.py`, `${place}/${name}.py`, `${place}/${name}/__init__.py`, `${place}/__init__.py`].find((one) =>
      files.has(one),
    );
    if (target !== undefined) found.add(target);
    return target !== undefined;
  };
  const addAbsolute = (module, name) => roots.some((root) => add(`${root}/${module.replaceAll('.', '/')}`, name));
  for (const [, dots, module, list] of source.matchAll(importFrom)) {
    const place = join(dirname(path), '../'.repeat(Math.max(0, dots.length - 1)), module.replaceAll('.', '/')).replace(/\/$/, '');
    for (const [name] of list.matchAll(/(?<!\bas\s+)(?!as\b)\b\w+/g)) {
      if (dots === '') addAbsolute(module, name);
      else if (!add(place, name)) throw new Error(`${path} imports ${name} from ${dots}${module}, which is not there`);
    }
  }
  for (const [, module] of source.matchAll(importModule)) addAbsolute(module, '__init__');
  return found;
}
