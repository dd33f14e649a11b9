import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Any version of Python will do: the libraries in the wheel do not depend on it. */
const pythonVersion = '3.11';
const extract = `import os, shutil, sys, zipfile
wheel, target, *names = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for member in archive.namelist():
        name = os.path.basename(member)
        if member.startswith("onnxruntime/capi/") and any(name == each or name.startswith(each + ".") for each in names):
            with archive.open(member) as source, open(os.path.join(target, name), "wb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
            print(name)
`;

/**
 * Downloads the Python wheel of onnxruntime-gpu, with pip and from where it is set up to look, and takes libraries out of it.
 *
 * @param version - of onnxruntime-node, which the libraries have to fit
 * @param folder - gets the wheel and the libraries
 * @param names - of the libraries, without the version that follows `.so`
 * @param wheel - path of a wheel that is here already; @default one is downloaded
 * @returns the names of the files that were taken out
 */
export function takeFromWheel(version, folder, names, wheel = undefined) {
  mkdirSync(folder, { recursive: true });
  const found = wheel ?? downloadWheel(version, folder);
  const said = run('python3', ['-c', extract, found, folder, ...names], ['ignore', 'pipe', 'inherit']);
  return said.trim().split('\n').filter(Boolean);
}

function downloadWheel(version, folder) {
  const platform = ['--platform', 'manylinux_2_28_x86_64', '--implementation', 'cp', '--python-version', pythonVersion];
  const options = ['--no-deps', '--only-binary=:all:', ...platform, '--dest', folder, '--disable-pip-version-check'];
  run('python3', ['-m', 'pip', 'download', ...options, `onnxruntime-gpu==${version}`], ['ignore', 'inherit', 'inherit']);
  const name = readdirSync(folder).find((file) => file.startsWith(`onnxruntime_gpu-${version}-`) && file.endsWith('.whl'));
  if (name === undefined) throw new Error(`pip left no wheel of onnxruntime-gpu ${version} in ${folder}`);
  return join(folder, name);
}

function run(command, argv, stdio) {
  const { status, error, stdout } = spawnSync(command, argv, { stdio, encoding: 'utf8' });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ${argv[0] === '-c' ? '' : argv.join(' ')} exited with ${status}`);
  return stdout ?? '';
}
