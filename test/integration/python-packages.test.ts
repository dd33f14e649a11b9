import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { sandboxSupport } from '../../src/process/sandbox-support.js';
import { temporaryDirectory } from '../support/cleanup.js';
import { startDaemon } from '../support/daemon.js';
import { answerOf, type DeploySettings, deploySource } from '../support/functions.js';
import { lacksModules, testPython } from '../support/pythons.js';
import { fetchWheels, makeWheel, requirementsOf } from '../support/wheels.js';

const owner = { after };
const sandboxes = await sandboxSupport();

/** Says in which version `tiny` is found, asked in every way that a program can be started. */
const asking = `
import multiprocessing, os, pathlib, shutil, subprocess, sys, tempfile
def version():
  import tiny
  return tiny.version
def answered(*command, **options):
  return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, cwd=tempfile.gettempdir(), **options).stdout.strip()
def Handler(req):
  def spawned(method):
    with multiprocessing.get_context(method).Pool(1) as pool: return pool.apply(version)
  return {
    "here": version(),
    "forked": spawned("fork"),
    "spawned": spawned("spawn"),
    "served": spawned("forkserver"),
    "module": answered(sys.executable, "-m", "tiny"),
    "program": answered("tiny"),
    "shell": answered("tiny", shell=True),
    "own": answered(sys.executable, "-c", "import helper; print(helper.name)"),
    "added": answered(sys.executable, "-c", "import added; print(added.name)"),
    "shadowed": answered(sys.executable, "-c", "import shadowed; print(shadowed.name)"),
    "executable": os.path.samefile(sys.executable, os.environ["EXPECTED"]),
    "written": [str(path) for path in pathlib.Path(__file__).parent.rglob("__pycache__") if ".dcf" not in path.parts],
  }
`;
const found = { here: '2.0', forked: '2.0', spawned: '2.0', served: '2.0', module: '2.0', program: '2.0', shell: '2.0' };

describe('what requirements.txt brings', { skip: lacksModules('pip', 'venv') }, async () => {
  const { executable } = await testPython();
  const tiny = (version: string): Record<string, string> => ({
    'tiny/__init__.py': `version = "${version}"\n`,
    'tiny/__main__.py': 'import tiny\ndef main(): print(tiny.version)\nif __name__ == "__main__": main()\n',
  });

  /** An interpreter whose own packages have another version of `tiny`, also as a program. */
  async function hostWithOther(): Promise<string> {
    const host = join(await temporaryDirectory(owner), 'host');
    const run = promisify(execFile);
    await run(executable, ['-m', 'venv', '--without-pip', '--system-site-packages', host]);
    const python = join(host, 'bin', 'python3');
    const { stdout } = await run(python, ['-c', 'import sysconfig; print(sysconfig.get_path("purelib"))']);
    await mkdir(join(stdout.trim(), 'tiny'));
    for (const [path, text] of Object.entries(tiny('1.0'))) await writeFile(join(stdout.trim(), path), text);
    await writeFile(join(host, 'bin', 'tiny'), '#!/bin/sh\necho 1.0\n');
    await chmod(join(host, 'bin', 'tiny'), 0o755);
    return host;
  }

  const host = await hostWithOther();
  const python = join(host, 'bin', 'python3');
  const daemon = await startDaemon(owner, {
    args: ['--python', python],
    environment: { PIP_NO_INDEX: '1', UV_NO_INDEX: '1', PATH: `${join(host, 'bin')}:${process.env['PATH']}` },
  });
  const settings: DeploySettings = {
    runtime: 'python',
    handler: 'app/handler.py',
    environment: { PYTHONPATH: 'lib', EXPECTED: python },
    files: {
      ...requirementsOf([await makeWheel(executable, 'tiny', '2.0', { ...tiny('2.0'), 'shadowed.py': 'name = "requirement"\n' })]),
      'app/handler.py': asking,
      'helper.py': 'name = "helper"\n',
      'lib/added.py': 'name = "added"\n',
      'lib/shadowed.py': 'name = "lib"\n',
    },
  };

  for (const isolation of ['process', 'sandbox'] as const) {
    const skip = isolation === 'sandbox' && !sandboxes.usable ? `no sandboxes here: ${sandboxes.detail}` : false;
    test(`is found by every program that a function starts, not what the host has (isolation: ${isolation})`, { skip }, async () => {
      await deploySource(owner, daemon, isolation, '', { ...settings, isolation });
      assert.deepEqual(JSON.parse(await answerOf(daemon, isolation)), {
        ...found,
        own: 'helper',
        added: 'added',
        shadowed: 'lib',
        executable: true,
        written: [],
      });
    });
  }

  test('joblib runs the functions of a handler in processes of its own', async (t) => {
    const wheels = await fetchWheels(executable, 'joblib==1.4.2');
    if (typeof wheels === 'string') {
      t.skip(wheels);
      return;
    }
    const source = `
import joblib, os
def square(number):
  print("squares", number, flush=True)
  return number * number, os.getpid()
def Handler(req):
  answers = joblib.Parallel(n_jobs=2)(joblib.delayed(square)(number) for number in range(10))
  return [number for number, _ in answers] + [os.getpid() in {pid for _, pid in answers}]
`;
    await deploySource(owner, daemon, 'joblib', source, { runtime: 'python', files: requirementsOf(wheels) });
    assert.equal(await answerOf(daemon, 'joblib'), '[0,1,4,9,16,25,36,49,64,81,false]');
  });
});
