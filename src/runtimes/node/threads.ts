import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import type { WorkerEnd } from './worker.js';

/**
 * Serves each descriptor in a thread of its own. The whole life of a worker is one task of piscina, so calls do not wait in piscina's queue.
 * Resolves with how the workers ended: when all have finished, or as soon as one has failed.
 */
export async function serveThreads(descriptors: readonly number[]): Promise<WorkerEnd> {
  const pool = new Piscina<{ descriptor: number }, WorkerEnd>({
    filename: fileURLToPath(new URL('./thread.js', import.meta.url)),
    minThreads: descriptors.length,
    maxThreads: descriptors.length,
    // The other mode, 'sync', would block the event loop of an idle worker between tasks.
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
