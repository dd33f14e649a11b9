import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DcfError, errorCode } from '../../core/errors.js';
import { readProcessStat } from '../../core/proc-stat.js';

/** Says that this process owns a data directory. */
export interface DirectoryLock {
  release(): void;
}

/** What flock(1) exits with when another holds the lock, https://man7.org/linux/man-pages/man1/flock.1.html. */
const conflict = 1;

/**
 * Takes the lock of a data directory. It belongs to the open file description that flock(1) inherits, so it ends with this
 * process however that ends. Where there is no flock(1), the file's content counts: a process id and when that process was
 * started; then two daemons that are started at the same instant may both get it.
 *
 * @param command - flock(1)
 * @throws DcfError FAILED_PRECONDITION when another process has it, with that process's id
 */
export function lockDirectory(directory: string, command = 'flock'): DirectoryLock {
  const path = join(directory, 'lock');
  const descriptor = openSync(path, 'a+', 0o600);
  try {
    const { status, error, stderr } = spawnSync(command, ['-n', '-x', '3'], { stdio: ['ignore', 'ignore', 'pipe', descriptor] });
    const missing = errorCode(error) === 'ENOENT';
    const [pid = '', start = ''] = readFileSync(path, 'utf8').trim().split(' ');
    if (missing ? isRunning(pid, start) : status === conflict) throw inUse(directory, pid);
    if (!missing && status !== 0) {
      const reason = error?.message ?? String(stderr).trim();
      throw new DcfError('FAILED_PRECONDITION', `${path} cannot be locked: ${reason}; put the data directory on a local disk`);
    }
    ftruncateSync(descriptor);
    writeSync(descriptor, `${process.pid} ${startOf(process.pid)}\n`);
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  return {
    release() {
      ftruncateSync(descriptor);
      closeSync(descriptor);
    },
  };
}

function inUse(directory: string, pid: string): DcfError {
  const holder = pid === '' ? '' : ` (pid ${pid})`;
  return new DcfError('FAILED_PRECONDITION', `the data directory ${directory} is in use by another daemon${holder}`);
}

function isRunning(pid: string, start: string): boolean {
  return start !== '' && startOf(Number(pid)) === start;
}

/**
 * When a process was started, as one word: a process id alone may have been given to another since. Empty when there is no
 * such process.
 */
function startOf(pid: number): string {
  const stat = readProcessStat(pid);
  if (stat !== undefined) return stat.startTime;
  const { stdout } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' });
  return (stdout ?? '').trim().replace(/\s+/g, '-');
}
