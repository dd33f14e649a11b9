import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import { chmod, link, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { connect, createServer, type ListenOptions, type Server } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { listenAtSocket } from '../../../src/gateway/unix-socket.js';
import { cleanUp, temporaryDirectory } from '../../support/cleanup.js';

const flag = '--grpc';

/** A server that answers each connection with its name and closes it. */
function named(t: TestContext, name: string): Server {
  const server = createServer((socket) => socket.on('error', () => undefined).end(name));
  cleanUp(t, () => void server.close());
  return server;
}

async function whoAnswers(path: string): Promise<string> {
  let answer = '';
  const socket = connect({ path });
  socket.setEncoding('utf8').on('data', (data: string) => {
    answer += data;
  });
  await once(socket, 'close');
  return answer;
}

/** Leaves a socket at which nobody listens: Node removes a socket only by the name that it was made with. */
async function leaveSocket(path: string): Promise<void> {
  const server = createServer();
  server.listen({ path: `${path}.made` });
  await once(server, 'listening');
  await link(`${path}.made`, path);
  server.close();
  await once(server, 'close');
}

async function refused(t: TestContext, path: string, reason: RegExp): Promise<void> {
  const server = named(t, 'refused');
  await assert.rejects(listenAtSocket(server, { path, flag }, 8), (error: Error) => {
    assert.match(error.message, reason);
    assert.ok(error.message.startsWith(`cannot listen on unix:${path}: `), error.message);
    assert.ok(error.message.endsWith(', or choose another path with --grpc'), error.message);
    return true;
  });
  assert.equal(server.listening, false);
}

test('only this user may connect, whatever the mask of the process is, and that stays as it was', async (t) => {
  const path = join(await temporaryDirectory(t), 's.sock');
  const before = process.umask(0);
  try {
    const server = named(t, 'one');
    await listenAtSocket(server, { path, flag }, 8);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.equal(await whoAnswers(path), 'one');
    assert.equal(process.umask(), 0);
    server.close();
    await once(server, 'close');
    await assert.rejects(stat(path), { code: 'ENOENT' });
  } finally {
    process.umask(before);
  }
});

test('nobody else may connect between the moment in which the socket is made and the one in which it has its mode', async (t) => {
  const path = join(await temporaryDirectory(t), 's.sock');
  const before = process.umask(0);
  const server = named(t, 'one');
  const seen: number[] = [];
  const listen = server.listen.bind(server);
  t.mock.method(server, 'listen', (options: ListenOptions, listening: () => void) => {
    listen(options, listening);
    seen.push(fs.statSync(path).mode & 0o077);
    return server;
  });
  try {
    await listenAtSocket(server, { path, flag }, 8);
  } finally {
    process.umask(before);
  }
  assert.deepEqual(seen, [0]);
});

test('a socket at which nobody listens is replaced', async (t) => {
  const folder = await temporaryDirectory(t);
  const path = join(folder, 's.sock');
  await leaveSocket(path);
  await assert.rejects(whoAnswers(path), { code: 'ECONNREFUSED' });
  await listenAtSocket(named(t, 'new'), { path, flag }, 8);
  assert.equal(await whoAnswers(path), 'new');
  assert.deepEqual(await readdir(folder), ['s.sock']);
});

test('where another listens it stays that one’s, also when several find the same old socket', async (t) => {
  const folder = await temporaryDirectory(t);
  const path = join(folder, 's.sock');
  await leaveSocket(path);
  const names = ['a', 'b', 'c', 'd'];
  const tries = await Promise.allSettled(names.map((name) => listenAtSocket(named(t, name), { path, flag }, 8)));
  const winners = names.filter((_, at) => tries[at]?.status === 'fulfilled');
  assert.equal(winners.length, 1);
  assert.equal(await whoAnswers(path), winners[0]);
  await refused(t, path, /another process listens there, perhaps another dcfd; end it/);
  assert.equal(await whoAnswers(path), winners[0]);
  assert.deepEqual(await readdir(folder), ['s.sock']);
});

test('a socket that another has made in the meantime goes back to its place', async (t) => {
  const folder = await temporaryDirectory(t);
  const path = join(folder, 's.sock');
  await leaveSocket(path);
  const other = named(t, 'other');
  const { renameSync } = fs;
  t.mock.method(fs, 'renameSync', (from: string, to: string) => {
    fs.unlinkSync(path);
    other.listen({ path });
    renameSync(from, to);
  });
  syncBuiltinESMExports();
  try {
    await refused(t, path, /another process listens there/);
  } finally {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  }
  assert.equal(await whoAnswers(path), 'other');
  assert.deepEqual(await readdir(folder), ['s.sock']);
});

test('what is there and no socket, and a folder that is none, are said and stay as they are', async (t) => {
  const folder = await temporaryDirectory(t);
  const file = join(folder, 'file');
  await writeFile(file, 'kept');
  await refused(t, file, /what is there is no socket; remove it/);
  await refused(t, join(file, 's.sock'), /file is no folder; use another/);
  await refused(t, join(folder, 'missing', 's.sock'), /the folder .*\/missing does not exist; make it/);
  await mkdir(join(folder, 'folder'));
  await refused(t, join(folder, 'folder'), /what is there is no socket/);
  assert.deepEqual((await readdir(folder)).sort(), ['file', 'folder']);
});

test('a folder in which this user may make nothing is said', {
  skip: process.getuid?.() === 0 ? 'root may write everywhere' : false,
}, async (t) => {
  const folder = join(await temporaryDirectory(t), 'locked');
  await mkdir(folder);
  await chmod(folder, 0o500);
  await refused(t, join(folder, 's.sock'), /this user may make no file in .*\/locked; allow it/);
});
