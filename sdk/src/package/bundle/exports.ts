import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { Metafile } from 'esbuild';
import { type Folder, refuse } from '../folder/folder.js';
import { bundleName } from '../folder/paths.js';
import { loadEsbuild } from './esbuild.js';

interface HandlerExport {
  path: string;
  name: string;
}

/**
 * Refuses a handler that its file certainly does not export: neither by its name, nor as the default export or within it. In doubt, the
 * daemon finds out.
 *
 * @throws DcfError INVALID_ARGUMENT that lists what the file exports
 */
export async function checkExport(folder: Folder, handler: HandlerExport, { inputs, outputs }: Metafile): Promise<void> {
  const exported = outputs[bundleName]?.exports ?? [];
  const isCommonJs = inputs[handler.path]?.format === 'cjs';
  if (!isCommonJs && exported.includes(handler.name)) return;
  const code = await plainCode(folder, handler.path);
  const names = isCommonJs ? commonJsExports(code) : exported;
  if (names === undefined || names.includes(handler.name)) return;
  if (names.includes('default') && (handler.name === 'Handler' || isInDefault(code, handler.name))) return;
  const others = names.length === 0 ? 'it exports nothing' : `it exports ${names.join(', ')}`;
  const advice =
    handler.name === 'Handler'
      ? `write: export class Handler { … }, or name another export in function.yaml: handler: ${handler.path}#Name`
      : 'give the name of an export after # in the handler of function.yaml';
  throw refuse(folder, handler.path, `has no export "${handler.name}" (${others}); ${advice}`);
}

/** The module as JavaScript without comments, in esbuild's uniform style, so that expressions can search it. */
async function plainCode(folder: Folder, path: string): Promise<string> {
  const esbuild = await loadEsbuild();
  const extension = extname(path);
  const loader = extension.endsWith('x') ? (extension === '.tsx' ? 'tsx' : 'jsx') : extension.includes('t') ? 'ts' : 'js';
  const source = await readFile(join(folder.real, path), 'utf8');
  return (await esbuild.transform(source, { loader, legalComments: 'none', jsx: 'preserve', logLevel: 'silent' })).code;
}

/** The names that a CommonJS module exports; `undefined` if only running it could tell. */
function commonJsExports(code: string): string[] | undefined {
  const names: string[] = [];
  const rest = code
    .replace(/\bObject\.defineProperty\((?:module\.)?exports, "([^"]+)"/g, (_, name: string) => note(names, name))
    .replace(/\b(?:module\.)?exports(?:\.([\w$]+)|\[["']([^"'\]]+)["']\]) =(?!=)/g, (_, name?: string, quoted?: string) =>
      note(names, name ?? quoted ?? ''),
    )
    .replace(/\bmodule\.exports = \{([\w$\s,:.]*)\}/g, (_, list: string) => {
      for (const part of list.split(',')) if (part.trim() !== '') note(names, part.split(':')[0]?.trim() ?? '');
      return '';
    });
  if (/\bexports\b/.test(rest)) return undefined;
  return [...new Set(names)].filter((name) => name !== '__esModule');
}

function note(names: string[], name: string): string {
  names.push(name);
  return '';
}

/** Whether an ES module's default export has this name, or a property of this name. */
function isInDefault(code: string, name: string): boolean {
  const escaped = name.replaceAll('$', '\\$');
  return new RegExp(
    `export default (?:class|function|async function) ${escaped}\\b|export default ${escaped};|\\b${escaped} as default\\b|export default \\{[^;]*\\b${escaped}\\b`,
  ).test(code);
}
