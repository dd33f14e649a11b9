import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/**
 * Does `work` while no other process of this machine does work of that name; who comes second waits until the first has ended, in
 * whatever way. The lock is a socket in Linux's abstract namespace, which the kernel takes back with the process that holds it: nothing
 * is left that could be stale.
 *
 * @template Result
 * @param {string} name - at most 100 bytes
 * @param {() => Promise<Result>} work
 * @returns {Promise<Result>}
 */
export async function withLock(name, work) {
  const path = `\0${name}`;
  for (;;) {
    const held = await take(path);
    if (held !== undefined) {
      try {
        return await work();
      } finally {
        await held.release();
      }
    }
    await untilReleased(path);
  }
}

/** The lock, or `undefined` where another has it. */
async function take(path) {
  const waiting = new Set();
  const server = createServer((socket) => {
    waiting.add(socket.on('error', () => undefined).once('close', () => waiting.delete(socket)));
  });
  try {
    server.listen(path);
    await once(server, 'listening');
  } catch (error) {
    if (error.code === 'EADDRINUSE') return undefined;
    throw error;
  }
  const release = async () => {
    server.close();
    for (const socket of waiting) socket.destroy();
    await once(server, 'close');
  };
  return { release };
}

/** A connection to the holder ends with the lock; none is made where it has just been released. */
function untilReleased(path) {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket
      .on('error', () => undefined)
      .once('close', resolve)
      .resume();
  });
}
