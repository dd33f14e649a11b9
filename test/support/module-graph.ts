import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

const relativeImport = /(?:from|import)\s*\(?\s*['"](\.[^'"]+)['"]/g;

/** Whether a built module is `wanted` or imports it, be it through others. `seen` holds those already looked at. */
export function reaches(module: string, wanted: string, seen = new Set<string>()): boolean {
  if (module === wanted) return true;
  if (seen.has(module)) return false;
  seen.add(module);
  // The sources of Handlers, which tests have in texts, import files of their own.
  if (!existsSync(module)) return false;
  const source = readFileSync(module, 'utf8');
  return [...source.matchAll(relativeImport)].some(([, path = '']) => reaches(resolve(dirname(module), path), wanted, seen));
}
