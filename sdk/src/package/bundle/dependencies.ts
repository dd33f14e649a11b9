import { join } from 'node:path';
import { DcfError, messageOf } from '../../errors.js';
import { platformPackages } from '../../languages.js';
import { listNames } from '../../names.js';
import { type Folder, readTextFile, refuse } from '../folder/folder.js';

/** The files that may say which versions to install; the first one that is there counts. */
export const lockFiles: readonly string[] = ['npm-shrinkwrap.json', 'package-lock.json'];

/** The dependencies in a function's package.json. The daemon installs them, and so they are not bundled. */
export interface Dependencies {
  readonly names: readonly string[];
  /** package.json and the lock file, if there is something to install. They are sent even if .dcfignore lists them. */
  readonly files: readonly string[];
}

/**
 * Reads the dependencies in package.json, if there is one.
 *
 * @throws DcfError INVALID_ARGUMENT when it is not a JSON object, or when it names dependencies and there is no lock file
 */
export async function readDependencies(folder: Folder): Promise<Dependencies> {
  const text = await readTextFile(folder, 'package.json');
  if (text === undefined) return { names: [], files: [] };
  const content = parse(folder, text);
  const names = ['dependencies', 'optionalDependencies'].flatMap((key) => {
    const named: unknown = Reflect.get(content, key);
    return typeof named === 'object' && named !== null ? Object.keys(named) : [];
  });
  // The daemon has the SDK and never installs it. Other packages of the platform are installed if a lock file pins another version.
  const needed = names.filter((name) => name !== '@dcf/sdk');
  if (needed.length === 0) return { names, files: [] };
  for (const lockFile of lockFiles) {
    if ((await readTextFile(folder, lockFile)) !== undefined) return { names, files: ['package.json', lockFile] };
  }
  if (needed.every((name) => platformPackages.includes(name))) return { names, files: [] };
  throw new DcfError(
    'INVALID_ARGUMENT',
    `${join(folder.shown, 'package.json')} names dependencies (${listNames(needed, 5)}), but there is no package-lock.json that says which ` +
      `versions to install; run: npm install --package-lock-only --prefix ${folder.shown}`,
  );
}

function parse(folder: Folder, text: string): object {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw refuse(folder, 'package.json', `is not valid JSON: ${messageOf(error)}`);
  }
  if (typeof content === 'object' && content !== null && !Array.isArray(content)) return content;
  throw refuse(folder, 'package.json', 'is not a JSON object: write { "dependencies": { … } }');
}
