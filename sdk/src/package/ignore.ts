import ignore from 'ignore';
import { type Folder, readTextFile } from './folder.js';

/** Whether a path, relative to the folder, stays out of the package. */
export type IsIgnored = (path: string, isFolder: boolean) => boolean;

/** Never sent: the daemon installs dependencies itself, and the rest says nothing about what the function does. */
const alwaysIgnored = ['node_modules', '__pycache__', '.venv', '.git', '/.dcfignore'];

/** What `.dcfignore` (gitignore syntax, https://git-scm.com/docs/gitignore) and the platform keep out of the package. */
export async function readIgnored(folder: Folder): Promise<IsIgnored> {
  const rules = ignore({ ignorecase: false }).add((await readTextFile(folder, '.dcfignore')) ?? '');
  const always = isAlwaysIgnored();
  return (path, isFolder) => always(path, isFolder) || rules.ignores(isFolder ? `${path}/` : path);
}

/** What stays out even when the manifest asks for it. */
export function isAlwaysIgnored(): IsIgnored {
  const rules = ignore({ ignorecase: false }).add(alwaysIgnored);
  return (path, isFolder) => rules.ignores(isFolder ? `${path}/` : path);
}
