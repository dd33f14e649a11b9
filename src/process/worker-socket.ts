import { type OnReadOpts, Socket } from 'node:net';

type Written = (error?: Error | null) => void;

/**
 * A write to a process that is gone fails, and Node would then drop the socket with what that process has written and nobody
 * has read: its answers, and which calls it had begun. Here only reading finds the end.
 */
class WorkerSocket extends Socket {
  override _write(chunk: unknown, encoding: BufferEncoding, written: Written): void {
    super._write(chunk, encoding, () => written());
  }

  override _writev(chunks: { chunk: unknown; encoding: BufferEncoding }[], written: Written): void {
    super._writev?.(chunks, () => written());
  }
}

/**
 * The daemon's end of a worker's stream. Node makes such pairs itself for `stdio: 'pipe'`, but gives no say in how its end is
 * read: always into fresh buffers of 64 KiB, a copy and an allocation more for each body.
 *
 * @param path - where whoever starts the worker's process takes the other end
 */
export function connectWorker(path: string, onread: OnReadOpts): Socket {
  // A variable, because the types of Node 20 do not know `onread` here, although its documentation does.
  const options = { onread, readable: true, writable: true };
  return new WorkerSocket(options).connect(path);
}

/** The daemon's end of what a process prints: it is only read. */
export function connectOutput(path: string): Socket {
  const output = new Socket().connect(path);
  // A pipe that breaks has nothing more to say.
  output.on('error', () => undefined);
  output.end();
  return output;
}
