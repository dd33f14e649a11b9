import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Manifest, secretVariable, variableProblem } from '@dcf/sdk/manifest';
import { decodeText } from '@dcf/sdk/package';
import { parse } from 'dotenv';
import { errorCode, reasonOf } from '../../core/errors.js';
import { CommandError } from '../terminal/errors.js';

/** The file beside function.yaml with environment variables for `dcf run`. It is never sent. */
const environmentFile = '.env';

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * The environment variables of a function for `dcf run`. A variable in `.env` goes over one of the manifest, and a variable of the shell goes
 * over one in `.env`, if `.env` names it. Secrets are taken from the shell or from `.env`.
 *
 * @param directory - the function's folder
 * @param shell - the user's own environment variables
 * @throws CommandError when a secret is in neither, or a variable in `.env` is not allowed; the message has no values
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
      const what = secret.file ? 'the path of its file' : 'its value';
      const advice = `set it, or write it into ${path}, which is never sent`;
      throw new CommandError(
        1,
        `the secret ${secret.name} is missing: "dcf run" takes ${what} from the variable ${variable}, which is not set; ${advice}`,
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
    if (allowed !== undefined) throw new CommandError(1, `${path}: the variable ${name} is not allowed; allowed: ${allowed}`);
  }
  return variables;
}

async function readText(path: string): Promise<string | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    // A folder with this name is a virtual environment of Python.
    if (errorCode(error) === 'EISDIR') return undefined;
    throw new CommandError(1, `${path} cannot be read: ${reasonOf(error)}`);
  }
  try {
    return decodeText(bytes);
  } catch (error) {
    throw new CommandError(1, `${path} ${reasonOf(error)}`);
  }
}
