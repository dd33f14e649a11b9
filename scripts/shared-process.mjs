// Unit tests share processes: to start Node and to load the modules took most of their time when each file had a process of its own.
// Node 20 has no --test-isolation=none, which would do it for all tests of a run.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

/**
 * Deals test files out to some processes, and writes what each of them runs.
 *
 * @param {readonly string[]} files - absolute paths
 * @param {string} folder - made for what is written; whoever calls removes it
 * @param {number} count - how many processes
 * @returns {string[]} what to give to `node --test`
 */
export function sharingProcesses(files, folder, count) {
  if (files.length <= count) return [...files];
  mkdirSync(folder, { recursive: true });
  return Array.from({ length: count }, (_, number) => {
    const own = files.filter((_file, index) => index % count === number).map((file) => pathToFileURL(file).href);
    const path = join(folder, `process-${number + 1}-of-${count}.test.mjs`);
    const source = `import { load } from ${JSON.stringify(import.meta.url)};\nawait load(${JSON.stringify(own)});\n`;
    writeFileSync(path, source);
    return path;
  });
}

/**
 * Loads test files into this process. None of their tests begins before all are loaded: it could change clocks and timers under
 * the others' modules. A file that cannot be loaded fails, and no other with it.
 *
 * @param {readonly string[]} files - URLs
 */
export async function load(files) {
  await import('./no-process.mjs');
  let loaded;
  const all = new Promise((resolve) => {
    loaded = resolve;
  });
  // The tests of a process run one after the other, so those of the files wait for this one.
  void test(`${files.length} files of tests are loaded`, () => all);
  for (const file of files) {
    try {
      await import(file);
    } catch (error) {
      void test(`${file} cannot be loaded`, () => Promise.reject(error));
    }
  }
  loaded();
}
