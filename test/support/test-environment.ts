import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../../src/core/errors.js';
import { findPython } from '../../src/languages/python/interpreter.js';
import { reaches } from './module-graph.js';
import { root } from './programs.js';
import { type ExtraPackages, pythonEnvironment } from './python-environment.js';
import { prepareWireTools } from './wire-tools.js';

const folder = join(root, 'test', 'python');
const torchPackages: ExtraPackages = {
  requirements: join(folder, 'torch.txt'),
  lock: join(folder, 'torch.lock'),
  advice: 'PIP_EXTRA_INDEX_URL or PIP_FIND_LINKS says where the wheel of PyTorch for CPUs is',
  uvOptions: ['--torch-backend', 'cpu'],
};

/**
 * What the tests in these built files need of the environment: `DCF_TEST_PYTHON`, a Python with the packages that they use, or why
 * there is none. Nothing where a Python is named already, or none of the files uses one. Programs that others wrote in Go are built
 * where a file uses them.
 */
export async function testEnvironment(
  files: readonly string[],
  variables: NodeJS.ProcessEnv,
  onOutput: (line: string) => void,
): Promise<Readonly<Record<string, string>>> {
  if (areUsed(files, 'wire-tools.js')) await prepareWireTools(onOutput);
  if (variables['DCF_TEST_PYTHON'] !== undefined || !areUsed(files, 'pythons.js')) return {};
  const wantsTorch = variables['DCF_TEST_TORCH'] === '1' || (variables['CI'] === 'true' && variables['DCF_TEST_TORCH'] !== '0');
  try {
    const { executable, extraProblem } = await pythonEnvironment({
      base: await findPython({ version: undefined, fallback: 'python3' }),
      cache: join(cacheFolder(variables), 'dcf-tests'),
      lock: join(folder, 'requirements.lock'),
      extra: wantsTorch ? torchPackages : undefined,
      variables,
      onOutput,
    });
    const torchProblem = wantsTorch ? extraProblem : 'DCF_TEST_TORCH=1 brings it';
    return { DCF_TEST_PYTHON: executable, ...(torchProblem === undefined ? {} : { DCF_TEST_TORCH_PROBLEM: torchProblem }) };
  } catch (error) {
    onOutput(`no Python packages for the tests: ${messageOf(error)}`);
    return { DCF_TEST_PYTHON_PROBLEM: messageOf(error) };
  }
}

/** Whether any of the files imports a module of this folder. */
function areUsed(files: readonly string[], name: string): boolean {
  const seen = new Set<string>();
  const module = fileURLToPath(new URL(name, import.meta.url));
  return files.some((file) => reaches(file, module, seen));
}

/** https://specifications.freedesktop.org/basedir-spec/latest/ */
function cacheFolder(variables: NodeJS.ProcessEnv): string {
  const given = variables['XDG_CACHE_HOME'] ?? '';
  return isAbsolute(given) ? given : join(homedir(), '.cache');
}
