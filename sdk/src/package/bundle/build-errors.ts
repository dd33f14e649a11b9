import { join } from 'node:path';
import type { BuildFailure, Location, Message } from 'esbuild';
import type { Folder } from '../folder/folder.js';

const maximumErrors = 10;

/** Whether an error of esbuild is about the sources that it builds (https://esbuild.github.io/api/#build). */
export function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors) && error.errors.length > 0;
}

/** Describes each problem: file, line, column, the line itself, and what to do. */
export function describeBuildErrors(folder: Folder, errors: readonly Message[]): string {
  const described = errors.slice(0, maximumErrors).map((error) => describe(folder, error));
  const left = errors.length - described.length;
  if (left > 0) described.push(`… and ${left} more`);
  return described.join('\n');
}

function describe(folder: Folder, { text, location, notes }: Message): string {
  const advice = advise(folder, text, location);
  const head = advice === undefined ? text : `${text}: ${advice}`;
  if (location === null) return `${folder.shown}: ${head}`;
  const column = columnOf(location);
  const place = `${join(folder.shown, location.file)}:${location.line}:${column + 1}`;
  const gutter = `  ${location.line} | `;
  const marker = `${' '.repeat(gutter.length - 2)}| ${location.lineText.slice(0, column).replace(/[^\t]/g, ' ')}^`;
  // Notes without a place advise options of esbuild, which users of this platform cannot set.
  const found = notes.flatMap((note) => (note.location === null ? [] : [`  ${note.text}`]));
  return [`${place}: ${head}`, `${gutter}${location.lineText}`, marker, ...found].join('\n');
}

function advise(folder: Folder, text: string, location: Location | null): string | undefined {
  const [, missing] = /^Could not resolve "(.+)"$/.exec(text) ?? [];
  if (missing !== undefined) {
    if (/^[./]/.test(missing)) return `there is no such file beside ${location === null ? 'it' : location.file}`;
    const name = missing.split('/', missing.startsWith('@') ? 2 : 1).join('/');
    return `the package is not installed; run: npm install ${name} --prefix ${folder.shown}`;
  }
  if (!text.startsWith('No loader is configured')) return undefined;
  return 'if it belongs to a package, name that package in package.json; if it is data, read it with node:fs';
}

/** The column in characters, as editors count; esbuild counts bytes of UTF-8. */
function columnOf({ lineText, column }: Location): number {
  return Buffer.from(lineText).subarray(0, column).toString().length;
}
