import { formatSize } from '../units.js';

/** Linux takes no longer variable: its name, `=`, its value and a NUL are one string (MAX_ARG_STRLEN, execve(2)). */
const maximumVariableBytes = 128 * 1024 - 1;
/** Most bytes of all variables that a manifest sets: with its secrets and the daemon's variables they have to fit in 2 MiB. */
const maximumEnvironmentBytes = 512 * 1024;
/** What the platform itself tells a replica. */
const reserved = ['DCF_WORKERS'];

/** What would be allowed in place of a variable of a process; `undefined` when it is. */
export function variableProblem(name: string, value: string): string | undefined {
  if (reserved.includes(name)) return 'another name, for the platform sets this one';
  if (value.includes('\0')) return 'a text without NUL characters, which no variable can have';
  if (!value.isWellFormed()) return 'whole characters, and not half of a surrogate pair';
  const bytes = Buffer.byteLength(name) + 1 + Buffer.byteLength(value);
  if (bytes <= maximumVariableBytes) return undefined;
  return `${formatSize(maximumVariableBytes + 1)} with its name, which is what Linux takes, and it has ${formatSize(bytes)}; put more into a resource`;
}

/** What would be allowed in place of all variables that a manifest sets; `undefined` when they are. */
export function environmentProblem(environment: Readonly<Record<string, string>>): string | undefined {
  const bytes = Object.entries(environment).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value) + 2, 0);
  if (bytes <= maximumEnvironmentBytes) return undefined;
  return `${formatSize(maximumEnvironmentBytes)} in all, and they have ${formatSize(bytes)}; put more into resources`;
}
