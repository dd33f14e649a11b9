import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DcfError } from '@dcf/sdk/errors';
import { type FunctionPackage, type PackOptions, packFunction } from '@dcf/sdk/package';
import { type Owner, temporaryDirectory } from '../cleanup.js';

/** The least that packs. */
export const smallest = {
  'function.yaml': 'name: sample\n',
  'handler.ts': 'export class Handler {\n  call(): string {\n    return "hello";\n  }\n}\n',
};

/** A temporary folder with these files, removed when the test ends. */
export async function sampleFolder(owner: Owner, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await temporaryDirectory(owner);
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return folder;
}

/** Asserts that packing is refused with INVALID_ARGUMENT, and with a message that each pattern matches. */
export async function refused(folder: string, ...patterns: readonly RegExp[]): Promise<void> {
  await assert.rejects(packFunction(folder), (error) => {
    assert.ok(DcfError.is(error), String(error));
    assert.equal(error.code, 'INVALID_ARGUMENT', error.message);
    for (const pattern of patterns) assert.match(error.message, pattern);
    assert.doesNotMatch(error.message, /\n\s+at /, 'no stack of ours');
    return true;
  });
}

export async function pathsOf(folder: string, options?: PackOptions): Promise<string[]> {
  return (await packFunction(folder, options)).files.map((file) => file.path);
}

/** Text of a file that packing made. */
export function madeText(packed: FunctionPackage, path: string): string {
  const file = packed.files.find((candidate) => candidate.path === path);
  assert.ok(file?.source.kind === 'memory', `${path} was not made while packing`);
  return Buffer.from(file.source.bytes).toString();
}
