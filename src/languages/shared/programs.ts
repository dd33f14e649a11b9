import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';

/** The programs of a name in the folders of a PATH, in their order. Folders that are not absolute are left out. */
export async function programsOnPath(name: string, path = process.env['PATH'] ?? ''): Promise<string[]> {
  const folders = new Set(path.split(delimiter).filter((folder) => isAbsolute(folder)));
  const files = Array.from(folders, (folder) => join(folder, name));
  const usable = await Promise.all(files.map(isProgram));
  return files.filter((_, index) => usable[index] === true);
}

/** Whether a path leads to a file that may be executed. */
export async function isProgram(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}
