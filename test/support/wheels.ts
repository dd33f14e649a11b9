import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Files } from './functions.js';

const run = promisify(execFile);

/** Writes a wheel to stdout, as https://packaging.python.org/en/latest/specifications/binary-distribution-format/ has it. */
const wheelProgram = `import io, json, sys, zipfile
name, version, files = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
info = f'{name}-{version}.dist-info'
files[f'{info}/METADATA'] = f'Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n'
files[f'{info}/WHEEL'] = 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n'
files[f'{info}/entry_points.txt'] = f'[console_scripts]\\n{name} = {name}.__main__:main\\n' if f'{name}/__main__.py' in files else ''
files[f'{info}/RECORD'] = ''.join(f'{path},,\\n' for path in [*files, f'{info}/RECORD'])
bytes = io.BytesIO()
with zipfile.ZipFile(bytes, 'w') as wheel:
    for path, content in files.items():
        wheel.writestr(path, content)
sys.stdout.buffer.write(bytes.getvalue())
`;

/** A wheel, and the name that a file of it has to have. */
export interface Wheel {
  file: string;
  bytes: Buffer;
}

/**
 * A wheel of pure Python.
 *
 * @param files - its modules, by path; `main` of `NAME/__main__.py` becomes a program of that name
 */
export async function makeWheel(python: string, name: string, version: string, files: Readonly<Record<string, string>>): Promise<Wheel> {
  const { stdout } = await run(python, ['-c', wheelProgram, name, version, JSON.stringify(files)], { encoding: 'buffer' });
  return { file: `${name}-${version}-py3-none-any.whl`, bytes: stdout };
}

/** What a function's folder needs so that these are its requirements, and nothing is fetched for them. */
export function requirementsOf(wheels: readonly Wheel[]): Files {
  const files = wheels.map(({ file, bytes }) => [`vendor/${file}`, bytes] as const);
  return { 'requirements.txt': `${files.map(([path]) => `./${path}\n`).join('')}`, ...Object.fromEntries(files) };
}

/** Fetches wheels from the registry; where there is none, says why. */
export async function fetchWheels(python: string, ...requirements: readonly string[]): Promise<Wheel[] | string> {
  const folder = await mkdtemp(join(tmpdir(), 'dcf-wheels-'));
  try {
    const quiet = ['--no-input', '--disable-pip-version-check', '--retries', '1', '--timeout', '10', '--only-binary', ':all:'];
    await run(python, ['-m', 'pip', 'download', ...quiet, '--dest', folder, ...requirements], { timeout: 60_000 });
    const files = await readdir(folder);
    return await Promise.all(files.map(async (file) => ({ file, bytes: await readFile(join(folder, file)) })));
  } catch (error) {
    return `${requirements.join(', ')} cannot be fetched: ${String(error).trim().split('\n').at(-1)}`;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
