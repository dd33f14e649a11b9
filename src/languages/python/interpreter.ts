import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { DcfError, messageOf } from '../../core/errors.js';
import { type Interpreter, replicaProgram } from '../../core/interpreter.js';
import { isProgram, programsOnPath } from '../shared/programs.js';

export interface WantedPython {
  /** The manifest's `python`, such as `3.12`, for which the program `python3.12` is looked for. */
  version: string | undefined;
  /** The program to use when the manifest names no version, from `--python`: a name on the PATH, or a path. */
  fallback: string;
}

const run = promisify(execFile);
const timeoutMs = 30_000;
const oldest = { major: 3, minor: 9 };
const probeScript = replicaProgram('python/probe.py');

const found = new Map<string, Promise<Interpreter>>();

/**
 * Finds the interpreter for a function. An interpreter that was found is remembered; one that was missing is looked for again.
 *
 * @throws DcfError FAILED_PRECONDITION that says what was looked for, what was found, and what to do
 */
export async function findPython({ version, fallback }: WantedPython): Promise<Interpreter> {
  const command = version === undefined ? fallback : `python${version}`;
  const known = found.get(command) ?? look(command, version);
  found.set(command, known);
  try {
    return await known;
  } catch (error) {
    found.delete(command);
    throw error;
  }
}

async function look(command: string, version: string | undefined): Promise<Interpreter> {
  const asked = version === undefined ? `runtime: python needs ${command} (set by --python)` : `python: "${version}" asks for ${command}`;
  const candidates = await candidatesFor(command);
  if (candidates.length === 0) {
    const where = command.includes('/') ? 'there is no such program' : "it is not on the daemon's PATH";
    const advice = `Install Python ${version ?? `${oldest.major}.${oldest.minor} or newer`}`;
    const instead = version === undefined ? 'name another program with --python' : 'change python in function.yaml';
    throw missing(`${asked}, and ${where}. ${advice}, or ${instead}`);
  }
  const problems: string[] = [];
  for (const file of candidates) {
    try {
      return await probe(file);
    } catch (error) {
      problems.push(`${file} ${messageOf(error)}`);
    }
  }
  throw missing(`${asked}; found: ${problems.join('; ')}`);
}

/** Every program of that name: the first may be a shim, such as pyenv's, without an interpreter behind it. */
async function candidatesFor(command: string): Promise<string[]> {
  if (!command.includes('/')) return await programsOnPath(command);
  return (await isProgram(command)) ? [command] : [];
}

/** Asks a program what interpreter it is. Throws an Error whose message continues a sentence that begins with the program's name. */
async function probe(file: string): Promise<Interpreter> {
  let report: Report;
  try {
    const { stdout } = await run(file, [probeScript], { timeout: timeoutMs, killSignal: 'SIGKILL', env: probeEnvironment() });
    report = readReport(stdout);
  } catch (error) {
    const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
    throw new Error(`does not work: ${usefulLine(stderr) ?? messageOf(error)}`);
  }
  const { executable, tag, version, folders } = report;
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < oldest.major || (major === oldest.major && minor < oldest.minor))
    throw new Error(`is Python ${version}, too old: ${oldest.major}.${oldest.minor} or newer is needed`);
  if (!tag.startsWith('cpython-')) throw new Error(`is ${tag}: only CPython is supported`);
  return { runtime: 'python', executable, tag, version, folders };
}

/** The daemon's environment without the variables that Python reads: replicas do not get these either. */
function probeEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(PYTHON|__PYVENV_LAUNCHER__$)/.test(name)));
}

/** The line on stderr that says why an interpreter, or a program in its place, failed; `undefined` when stderr is empty. */
export function usefulLine(stderr: string): string | undefined {
  const lines = stderr.split('\n').map((line) => line.trimEnd());
  const fatal = lines.find((line) => line.startsWith('Fatal Python error:'));
  // The last exception is the one that was not caught.
  const error = lines.findLast((line) => /^[A-Za-z_.]+(Error|Exception|Interrupt)\b/.test(line));
  if (fatal !== undefined) return error === undefined ? fatal : `${fatal} (${error})`;
  // A heading, such as "Traceback (most recent call last):", says nothing by itself.
  return error ?? lines.find((line) => line !== '' && !line.endsWith(':')) ?? lines.find((line) => line !== '');
}

interface Report {
  executable: string;
  tag: string;
  version: string;
  folders: string[];
}

function readReport(text: string): Report {
  const report: unknown = JSON.parse(text);
  if (typeof report !== 'object' || report === null) throw new Error('its answer is not a JSON object');
  const { executable, tag, version, folders }: Partial<Record<keyof Report, unknown>> = report;
  if (typeof executable !== 'string' || typeof tag !== 'string' || typeof version !== 'string' || !Array.isArray(folders))
    throw new Error('its answer must have executable, tag, version and folders');
  return { executable, tag, version, folders: folders.map(String) };
}

function missing(message: string): DcfError {
  return new DcfError('FAILED_PRECONDITION', message);
}
