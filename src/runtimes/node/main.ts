// The process of a Node replica. The daemon starts it with one descriptor for each worker: 3, 4, …

import { errorCode } from '../../core/errors.js';
import { outOfHeapExitCode } from '../../core/interpreter.js';
import { serveWorker, type WorkerEnd } from './worker.js';

const workers = Number(process.env['DCF_WORKERS'] ?? '1');
const descriptors = Array.from({ length: workers }, (_, index) => 3 + index);

async function serve(): Promise<WorkerEnd> {
  const [only, ...others] = descriptors;
  if (only !== undefined && others.length === 0) return serveWorker(only);
  // Loaded only for several workers: loading it would make the start of every other replica slower.
  const { serveThreads } = await import('./threads.js');
  try {
    return await serveThreads(descriptors);
  } catch (error) {
    // Node ends only the thread; the exit code tells the daemon why this replica ends.
    if (errorCode(error) === 'ERR_WORKER_OUT_OF_MEMORY') process.exit(outOfHeapExitCode);
    throw error;
  }
}

// The Handler may have left timers and sockets behind, which would keep the process alive.
process.exit((await serve()) === 'finished' ? 0 : 1);
