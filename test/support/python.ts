import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { cleanEnvironment, root } from './programs.js';
import { testInterpreter } from './pythons.js';

/** Where the package `dcf` for Python is. */
export const pythonPackage = join(root, 'sdk', 'python');

export { lacksModules as withoutPython } from './pythons.js';

export interface PythonSettings {
  environment?: Readonly<Record<string, string>>;
  /** Folders whose modules can be imported; that of the package `dcf` otherwise. */
  path?: readonly string[];
  args?: readonly string[];
}

/** Starts a Python program. */
export function spawnPython(program: string, { environment = {}, path = [join(pythonPackage, 'src')], args = [] }: PythonSettings = {}) {
  return spawn(testInterpreter, ['-u', '-c', program, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...cleanEnvironment(), PYTHONPATH: path.join(':'), PYTHONDONTWRITEBYTECODE: '1', ...environment },
  });
}

/** Runs a Python program to its end. Resolves with what its last line is as JSON; rejects with what it wrote when it fails. */
export async function runPython(program: string, settings: PythonSettings = {}): Promise<unknown> {
  const child = spawnPython(program, settings);
  child.stdin.end();
  const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  if (child.exitCode !== 0) throw new Error(`the Python program ended with ${child.exitCode ?? child.signalCode}:\n${out}${errors}`);
  const last = out.trimEnd().split('\n').at(-1) ?? '';
  return JSON.parse(last === '' ? 'null' : last);
}

/** Runs a module of Python's, such as `pip`, to its end. Rejects with what it wrote when it fails. */
export async function runModule(name: string, ...args: readonly string[]): Promise<void> {
  const child = spawn(testInterpreter, ['-m', name, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: cleanEnvironment() });
  const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  if (child.exitCode !== 0) throw new Error(`${name} ended with ${child.exitCode ?? child.signalCode}:\n${out}${errors}`);
}

/** Python for programs that tell what they saw as lines of JSON: `tried` gives an error as the tests compare it. */
export const tellingPrelude = `
import itertools, json, sys, threading, time
from dcf import Client, DcfError, Tls, dcf
def tried(run):
    try:
        return run()
    except DcfError as error:
        return [error.code, error.message]
def tell(value):
    print(json.dumps(value))
url = sys.argv[1]
`;
