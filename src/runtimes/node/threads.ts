import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import type { WorkerEnd } from './worker.js';

/**
 * Serves each descriptor in a thread of its own. Each task is the whole life of a worker, so a call passes no second
 * queue. Resolves with how each ended; at once when one ended badly.
 */
export async function serveThreads(descriptors: readonly number[]): Promise<WorkerEnd> {
  const pool = new Piscina<{ descriptor: number }, WorkerEnd>({
    filename: fileURLToPath(new URL('./thread.js', import.meta.url)),
    minThreads: descriptors.length,
    maxThreads: descriptors.length,
    // 'sync' would freeze an idle worker's event loop between tasks.
    atomics: 'disabled',
  });
  const ends = descriptors.map((descriptor) => pool.run({ descriptor }));
  return new Promise((resolve, reject) => {
    let left = ends.length;
    for (const end of ends) {
      end.then((how) => {
        left -= 1;
        if (how !== 'finished' || left === 0) resolve(how);
      }, reject);
    }
  });
}
