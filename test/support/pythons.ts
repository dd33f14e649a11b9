import { readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { findPython, type PythonInterpreter } from '../../src/pool/python-interpreter.js';

/** The versions of CPython that the runtime is made for. */
export const pythonVersions = ['3.9', '3.10', '3.11', '3.12', '3.13'];

/** The Python that functions of tests run with: the daemon's own default. */
export function testPython(): Promise<PythonInterpreter> {
  return findPython({ version: undefined, fallback: 'python3' });
}

/** Why Python functions cannot be tested here; `false` when they can. */
export const noPython: string | false = await testPython().then(
  () => false,
  (error: unknown) => String(error),
);

/** An interpreter of each version, on the PATH or where pyenv keeps them; where there is none, why. */
export async function pythonOf(version: string): Promise<PythonInterpreter | string> {
  const places = [{ version, fallback: '' }, ...pyenvPrograms(version).map((fallback) => ({ version: undefined, fallback }))];
  let problem = '';
  for (const place of places) {
    try {
      return await findPython(place);
    } catch (error) {
      problem = String(error);
    }
  }
  return problem;
}

function pyenvPrograms(version: string): string[] {
  const folder = join(process.env['PYENV_ROOT'] ?? join(homedir(), '.pyenv'), 'versions');
  try {
    const names = readdirSync(folder).filter((name) => name.startsWith(`${version}.`));
    return names.map((name) => join(folder, name, 'bin', `python${version}`));
  } catch {
    return [];
  }
}
