import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type OnReadOpts, type Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DcfError } from '../core/errors.js';

type Written = (error?: Error | null) => void;

/**
 * A write to a process that is gone fails, and Node would then drop the socket with what that process has written and nobody
 * has read: its answers, and which calls it had begun. Here only reading finds the end.
 */
class DaemonEnd extends Socket {
  override _write(chunk: unknown, encoding: BufferEncoding, written: Written): void {
    super._write(chunk, encoding, () => written());
  }

  override _writev(chunks: { chunk: unknown; encoding: BufferEncoding }[], written: Written): void {
    super._writev?.(chunks, () => written());
  }
}

/**
 * Makes connected pairs of Unix sockets: one end for the daemon, one for a child to inherit. Node makes such pairs itself
 * for `stdio: 'pipe'`, but gives no say in how its end is read: always into fresh buffers of 64 KiB, a copy and an
 * allocation more for each body.
 *
 * The path exists only while pairs are made, in a folder that no other user may enter.
 */
export class SocketPairs {
  private constructor(
    private readonly folder: string,
    private readonly path: string,
    private readonly server: Server,
  ) {}

  static async open(): Promise<SocketPairs> {
    const folder = await mkdtemp(join(tmpdir(), 'dcf-'));
    const path = join(folder, 'pair');
    // The child's end is only passed on, never read here.
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true });
    const listening = once(server, 'listening');
    server.listen(path);
    await listening;
    return new SocketPairs(folder, path, server);
  }

  /** Makes the daemon's end; `accept` then gives the child's. */
  connect(onread: OnReadOpts): Socket {
    // A variable, because the types of Node 20 do not know `onread` here, although its documentation does.
    const options = { onread, readable: true, writable: true };
    return new DaemonEnd(options).connect(this.path);
  }

  /** Resolves with the child's end of the pair that `make` connects. */
  async accept(make: () => void): Promise<Socket> {
    const accepted = once(this.server, 'connection');
    make();
    const [socket]: unknown[] = await accepted;
    if (!(socket instanceof Socket)) throw new DcfError('INTERNAL', 'no socket pair could be made');
    return socket;
  }

  async close(): Promise<void> {
    this.server.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}
