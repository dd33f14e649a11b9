import { formatSize } from '../units.js';

/** Most bytes of a variable's name, `=` and value. With a NUL they are one string, which Linux limits (MAX_ARG_STRLEN, execve(2)). */
const maximumVariableBytes = 128 * 1024 - 1;
/** Most bytes of all variables that a manifest sets: together with its secrets and the daemon's variables they must fit in 2 MiB. */
const maximumEnvironmentBytes = 512 * 1024;
/** Variables that the platform itself sets for a replica. */
const reserved = ['DCF_WORKERS'];

/** What is allowed in place of an environment variable that is not, for messages; `undefined` if the variable is allowed. */
export function variableProblem(name: string, value: string): string | undefined {
  if (reserved.includes(name)) return 'another name, as the platform sets this variable';
  if (value.includes('\0')) return 'a text without NUL characters, which variables cannot have';
  if (!value.isWellFormed()) return 'well-formed Unicode; the text has half of a surrogate pair';
  const bytes = Buffer.byteLength(name) + 1 + Buffer.byteLength(value);
  if (bytes <= maximumVariableBytes) return undefined;
  return `up to ${formatSize(maximumVariableBytes + 1)} with its name, the limit of Linux, and it has ${formatSize(bytes)}; put long texts into a resource`;
}

/** What is allowed in place of all variables that a manifest sets, for messages; `undefined` if they are allowed. */
export function environmentProblem(environment: Readonly<Record<string, string>>): string | undefined {
  const bytes = Object.entries(environment).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value) + 2, 0);
  if (bytes <= maximumEnvironmentBytes) return undefined;
  return `up to ${formatSize(maximumEnvironmentBytes)} in all, and they have ${formatSize(bytes)}; put long texts into resources`;
}
