import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import type { FunctionPackage } from '@dcf/sdk/package';

const run = promisify(execFile);

/** Lays a package out in a folder of its own and imports its bundle in a process of its own. */
export async function evaluate(folder: string, packed: FunctionPackage, expression: string): Promise<string> {
  for (const { path, source } of packed.files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), source.kind === 'memory' ? source.bytes : await readFile(source.path));
  }
  const url = pathToFileURL(join(folder, 'handler.mjs')).href;
  const script = `const m = await import(${JSON.stringify(url)}); console.log(${expression})`;
  const { stdout } = await run(process.execPath, ['--enable-source-maps', '--input-type=module', '--eval', script], { cwd: folder });
  return stdout.trim();
}
