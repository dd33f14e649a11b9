import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DcfError, errorCode } from '../../core/errors.js';
import { readProcessStat } from '../../core/proc-stat.js';

/** The lock of a data directory, which this process holds. */
export interface DirectoryLock {
  release(): void;
}

/** The exit code of flock(1) when another process holds the lock, https://man7.org/linux/man-pages/man1/flock.1.html. */
const conflict = 1;

/**
 * Takes the lock of a data directory. It belongs to the open file description that flock(1) inherits, so it ends with this process,
 * however that ends. Without flock(1) the content of the file decides, which is the id and the start time of a process; then two
 * daemons that start at the same moment may both get the lock.
 *
 * @param command - the program flock(1); replaced in tests
 * @throws DcfError FAILED_PRECONDITION with the other process's id when another process has it
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
 * The start time of a process, as one word; empty when there is no such process. It is needed because another process may get the same
 * id later.
 */
function startOf(pid: number): string {
  const stat = readProcessStat(pid);
  if (stat !== undefined) return stat.startTime;
  const { stdout } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' });
  return (stdout ?? '').trim().replace(/\s+/g, '-');
}
