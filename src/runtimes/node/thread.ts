import { serveWorker, type WorkerEnd } from './worker.js';

/** A piscina task that is the whole life of one worker: serve its descriptor until the stream ends. */
export default function thread(task: { descriptor: number }): Promise<WorkerEnd> {
  return serveWorker(task.descriptor);
}
