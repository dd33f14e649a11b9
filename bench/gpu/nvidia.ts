import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const timeLimitMs = 10_000;

/** What the driver says of the card's memory. */
export interface CardMemory {
  /** MiB in use on all cards together. */
  usedMiB: number;
  /** MiB by process id, as `nvidia-smi` counts processes. Those that only draw, as Vulkan's, may be missing. */
  byProcess: Readonly<Record<string, number>>;
}

/** Asks `nvidia-smi`; `undefined` where there is none, or it fails. */
export async function readCardMemory(): Promise<CardMemory | undefined> {
  const [total, processes] = await Promise.all([ask('--query-gpu=memory.used'), ask('--query-compute-apps=pid,used_memory')]);
  if (total === undefined) return undefined;
  const usedMiB = total.reduce((sum, [used]) => sum + Number(used), 0);
  const byProcess: Record<string, number> = {};
  for (const [pid = '', used] of processes ?? []) if (/^\d+$/.test(pid)) byProcess[pid] = (byProcess[pid] ?? 0) + (Number(used) || 0);
  return { usedMiB, byProcess };
}

/** The processes that `nvidia-smi pmon` shows, those that only draw among them, one line each; none where it fails. */
export async function readProcessTable(): Promise<string[]> {
  try {
    const { stdout } = await run('nvidia-smi', ['pmon', '-c', '1', '-s', 'm'], { timeout: timeLimitMs, killSignal: 'SIGKILL' });
    return stdout.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  } catch {
    return [];
  }
}

/** The cards' names, memories, drivers and modes; none where there is no driver. */
export async function readCards(): Promise<string[]> {
  const rows = await ask('--query-gpu=index,name,memory.total,driver_version,compute_cap,compute_mode,mig.mode.current');
  return (rows ?? []).map((row) => row.join(', '));
}

async function ask(question: string): Promise<string[][] | undefined> {
  try {
    const argv = [question, '--format=csv,noheader,nounits'];
    const { stdout } = await run('nvidia-smi', argv, { timeout: timeLimitMs, killSignal: 'SIGKILL' });
    const lines = stdout.split('\n').filter((line) => line.trim() !== '');
    return lines.map((line) => line.split(',').map((field) => field.trim()));
  } catch {
    return undefined;
  }
}
