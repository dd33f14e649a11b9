import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Interpreter } from '../../src/core/interpreter.js';
import { findPython } from '../../src/languages/python/interpreter.js';

/** The versions of CPython that the runtime is made for. */
export const pythonVersions = ['3.9', '3.10', '3.11', '3.12', '3.13'];

/** The Python that functions of tests run with: the daemon's own default, or the one that DCF_TEST_PYTHON names. */
export function testPython(): Promise<Interpreter> {
  return findPython({ version: undefined, fallback: process.env['DCF_TEST_PYTHON'] ?? 'python3' });
}

/** Why Python functions cannot be tested here; `false` when they can. */
export const noPython: string | false = await testPython().then(
  () => false,
  (error: unknown) => String(error),
);

/** What runs the tests' own programs in Python. */
export const testInterpreter = noPython === false ? (await testPython()).executable : 'python3';

/** Why nothing that imports these modules can run here, for a test to skip with; `false` where it can. */
export function lacksModules(...names: readonly string[]): string | false {
  if (noPython !== false) return noPython;
  for (const name of names) {
    const { status, error, stderr } = spawnSync(testInterpreter, ['-c', `import ${name}`], { encoding: 'utf8', timeout: 60_000 });
    if (status === 0) continue;
    const variable = name === 'torch' ? 'DCF_TEST_TORCH_PROBLEM' : 'DCF_TEST_PYTHON_PROBLEM';
    const why = process.env[variable] ?? error?.message ?? stderr.trim().split('\n').at(-1);
    return `${testInterpreter} has no ${name}: ${why || 'it cannot be imported'}`;
  }
  return false;
}

/** An interpreter of each version, on the PATH or where pyenv keeps them; where there is none, why. */
export async function pythonOf(version: string): Promise<Interpreter | string> {
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
