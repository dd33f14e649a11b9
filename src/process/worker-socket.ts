import { type OnReadOpts, Socket } from 'node:net';

type Written = (error?: Error | null) => void;

/**
 * A socket whose write errors are ignored: only reading finds its end. A write to a process that is gone fails, and Node would then
 * close the socket with all that the process wrote and that was not read yet: its answers, and which calls it had begun.
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
 * Connects the daemon's end of a worker's stream. Node makes such pairs itself for `stdio: 'pipe'`, but always reads them into new
 * buffers of 64 KiB, which costs a copy and an allocation for each body.
 *
 * @param path - path of the Unix socket at which the starter of the worker's process listens
 */
export function connectWorker(path: string, onread: OnReadOpts): Socket {
  // In a variable, because the types of Node 20 lack `onread` here, although it is documented.
  const options = { onread, readable: true, writable: true };
  return new WorkerSocket(options).connect(path);
}

/** Connects the daemon's end of a process's stdout or stderr, which is only read. */
export function connectOutput(path: string): Socket {
  const output = new Socket().connect(path);
  // No more output comes through a broken pipe.
  output.on('error', () => undefined);
  output.end();
  return output;
}
