import { randomUUID } from 'node:crypto';
import { type BigIntStats, chmodSync, linkSync, lstatSync, renameSync, unlinkSync } from 'node:fs';
import { lstat, stat } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import { DcfError, errorCode, messageOf } from '../core/errors.js';

/** The socket's mode: who may write to a socket may connect. */
const socketMode = 0o600;
/** While the socket is made nobody else gets anything. Folders that are made in the same moment stay usable by this user. */
const privateMask = 0o077;

interface Place {
  path: string;
  /** The flag of `dcfd` that sets the path, for messages. */
  flag: string;
}

/**
 * Listens at a Unix socket that only this user may connect to. A socket at which nobody listens any more is replaced. Node removes the
 * socket when the server closes.
 *
 * @throws DcfError FAILED_PRECONDITION when somebody listens there, or the socket cannot be made
 */
export async function listenAtSocket(server: Server, place: Place, backlog: number): Promise<void> {
  await checkFolder(place);
  const stale = await findStale(place);
  try {
    await replaceAndListen(server, place, stale, backlog);
  } catch (error) {
    if (DcfError.is(error)) throw error;
    server.close();
    throw refusal(place, bindReason(error, place), error);
  }
}

/**
 * Removes the old socket, makes the new one and listens, all before this returns: so the mask is the process's for that moment only, and
 * other daemons that found the same old socket have next to no time to get in between.
 */
function replaceAndListen(server: Server, place: Place, stale: BigIntStats | undefined, backlog: number): Promise<void> {
  const { path } = place;
  return new Promise((resolve, reject) => {
    if (stale !== undefined) removeStale(place, stale);
    server.once('error', reject);
    const mask = process.umask(privateMask);
    try {
      server.listen({ path, backlog }, () => {
        server.off('error', reject);
        resolve();
      });
      // Where it could not be made, the error comes later, and what is there is another's.
      if (server.listening) chmodSync(path, socketMode);
    } finally {
      process.umask(mask);
    }
  });
}

async function checkFolder(place: Place): Promise<void> {
  const folder = dirname(place.path);
  const found = await stat(folder).catch((error: unknown) => {
    const missing = errorCode(error) === 'ENOENT';
    throw refusal(place, missing ? `the folder ${folder} does not exist; make it` : `${folder}: ${messageOf(error)}; use another`, error);
  });
  if (!found.isDirectory()) throw refusal(place, `${folder} is no folder; use another`);
}

/** Finds a socket at which nobody listens: one that a daemon left when it was killed. */
async function findStale(place: Place): Promise<BigIntStats | undefined> {
  const { path } = place;
  const seen = await lstat(path, { bigint: true }).catch((error: unknown) => ignoreMissing(place, error));
  if (seen === undefined) return undefined;
  if (!seen.isSocket()) throw refusal(place, 'what is there is no socket; remove it');
  const code = await connectCode(path);
  if (code === 'ENOENT') return undefined;
  if (code === 'EACCES') throw refusal(place, 'the socket there belongs to another user; remove it');
  if (code !== 'ECONNREFUSED') throw refusal(place, inUse);
  return seen;
}

/** Removes that socket. It is moved first: another daemon may have replaced it since, and that one's goes back to its place. */
function removeStale(place: Place, seen: BigIntStats): void {
  const { path } = place;
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
    const moved = lstatSync(aside, { bigint: true });
    const replaced = moved.ino !== seen.ino || moved.mtimeNs !== seen.mtimeNs;
    if (replaced) linkSync(aside, path);
    unlinkSync(aside);
    if (replaced) throw refusal(place, inUse);
  } catch (error) {
    if (DcfError.is(error)) throw error;
    ignoreMissing(place, error);
  }
}

/** Connects once. Resolves with the code of the error; `undefined` when somebody listens. */
function connectCode(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('error', (error) => resolve(errorCode(error)));
    socket.once('connect', () => {
      socket.destroy();
      resolve(undefined);
    });
  });
}

const inUse = 'another process listens there, perhaps another dcfd; end it';

function ignoreMissing(place: Place, error: unknown): undefined {
  if (errorCode(error) === 'ENOENT') return undefined;
  throw refusal(place, `the socket that is there cannot be replaced: ${messageOf(error)}; remove it`, error);
}

function bindReason(error: unknown, { path }: Place): string {
  switch (errorCode(error)) {
    case 'EADDRINUSE':
      return inUse;
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return `this user may make no file in ${dirname(path)}; allow it`;
    default:
      return `${messageOf(error)}; mend that`;
  }
}

/** @param reason - what is wrong, and what to do as one of two things */
function refusal({ path, flag }: Place, reason: string, cause?: unknown): DcfError {
  return new DcfError('FAILED_PRECONDITION', `cannot listen on unix:${path}: ${reason}, or choose another path with ${flag}`, { cause });
}
