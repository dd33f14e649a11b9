import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Manifest, secretVariable, variableProblem } from '@dcf/sdk/manifest';
import { decodeText } from '@dcf/sdk/package';
import { parse } from 'dotenv';
import { errorCode } from '../../core/errors.js';
import { CommandError, reasonOf } from '../terminal/errors.js';

/** The file beside function.yaml with variables for functions that run here. It is never sent. */
export const environmentFile = '.env';

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * The variables of a function that runs here: those of its manifest, before them those of `.env` in its folder, and before both
 * what the shell has under a name in `.env`. Secrets come from there too, under their names.
 *
 * @param directory - the function's folder
 * @param shell - the user's own variables
 * @throws CommandError when a secret is in neither, or `.env` has what no variable can be; no value is in the message
 */
export async function localEnvironment(manifest: Manifest, directory: string, shell: Variables): Promise<Record<string, string>> {
  const path = join(directory, environmentFile);
  const file = await readVariables(path);
  const environment: Record<string, string> = { ...manifest.environment };
  for (const [name, value] of Object.entries(file)) environment[name] = shell[name] ?? value;
  for (const secret of manifest.secrets) {
    const variable = secretVariable(secret);
    const given = shell[variable] ?? file[variable];
    if (given === undefined) {
      const what = secret.file ? 'the path of a file with it' : 'it';
      const advice = `set it, or write it into ${path}, which is never sent`;
      throw new CommandError(
        1,
        `the secret ${secret.name}: with "dcf run" the variable ${variable} gives the function ${what}, and is not set; ${advice}`,
      );
    }
    environment[variable] = secret.file ? resolve(shell[variable] === undefined ? directory : '', given) : given;
  }
  return environment;
}

async function readVariables(path: string): Promise<Record<string, string>> {
  const text = await readText(path);
  if (text === undefined) return {};
  const variables = parse(text);
  for (const [name, value] of Object.entries(variables)) {
    const allowed = variableProblem(name, value);
    if (allowed !== undefined) throw new CommandError(1, `${path}: the variable ${name}; allowed: ${allowed}`);
  }
  return variables;
}

async function readText(path: string): Promise<string | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    // A folder of that name is a virtual environment of Python.
    if (errorCode(error) === 'EISDIR') return undefined;
    throw new CommandError(1, `${path} cannot be read: ${reasonOf(error)}`);
  }
  try {
    return decodeText(bytes);
  } catch (error) {
    throw new CommandError(1, `${path} ${reasonOf(error)}`);
  }
}
