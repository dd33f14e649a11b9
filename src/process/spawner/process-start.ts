import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { type Deferred, defer } from '../../core/promises.js';
import { LeftBehind, markName } from './left-behind.js';

/** A process that is to be started, and where the daemon connects the other ends of its descriptors. */
export interface StartRequest {
  /** Path of a Unix socket that is made for this start alone. The first connection becomes descriptor 1, the second 2, and so on. */
  path: string;
  connections: number;
  /** The program and its arguments. */
  command: readonly string[];
  directory: string;
  environment: Readonly<Record<string, string>>;
}

/** How a process ended, as the system tells it; both are null where it told somebody who is gone. */
export interface PlainExit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface StartedProcess {
  pid: number;
  /** Resolves when it is gone. */
  exited: Promise<PlainExit>;
}

/** A start that waits for its connections. */
export interface ProcessStart {
  /** Resolves once they are there and the process runs; rejects with what the system says. */
  readonly started: Promise<StartedProcess>;
}

/** What the processes that were started here leave behind. */
export const leftBehind = new LeftBehind();

/** Whoever connects does so at once. */
const connectTimeoutMs = 10_000;

/** Listens where the daemon is to connect, and starts the process when it has. Rejects when it cannot listen. */
export async function listenForStart(request: StartRequest): Promise<ProcessStart> {
  const ends: Socket[] = [];
  const connected = defer<void>();
  // The process's ends are only passed on, never read here.
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (end) => {
    end.on('error', () => undefined);
    ends.push(end);
    if (ends.length === request.connections) connected.resolve();
  });
  const listening = once(server, 'listening');
  server.listen(request.path);
  await listening;
  const started = startWhenConnected(request, { server, ends, connected });
  // Whoever has asked may have lost interest.
  started.catch(() => undefined);
  return { started };
}

interface Listening {
  server: Server;
  ends: Socket[];
  connected: Deferred<void>;
}

async function startWhenConnected(request: StartRequest, { server, ends, connected }: Listening): Promise<StartedProcess> {
  const timer = setTimeout(() => connected.reject(new Error('nobody connected to its descriptors')), connectTimeoutMs);
  try {
    await connected.promise;
    return await start(request, ends);
  } finally {
    clearTimeout(timer);
    // The process has its own descriptors by now; while these were open, it would never see an end of file.
    for (const end of ends) end.destroy();
    server.close();
  }
}

async function start({ command, directory, environment }: StartRequest, ends: readonly Socket[]): Promise<StartedProcess> {
  const [file = '', ...argv] = command;
  const mark = randomUUID();
  const child = spawn(file, argv, {
    cwd: directory,
    env: { ...environment, [markName]: mark },
    // Its own process group: a Ctrl-C at the daemon's terminal is for the daemon, and a kill takes its children along.
    detached: true,
    stdio: ['ignore', ...ends],
  });
  const exited = new Promise<PlainExit>((resolve) => {
    child.once('exit', (code, signal) => {
      leftBehind.end(mark);
      resolve({ code, signal });
    });
  });
  await once(child, 'spawn');
  // A later error would be a signal that could not be sent, to a process that has gone.
  child.on('error', () => undefined);
  const { pid } = child;
  if (pid === undefined) throw new Error('it has no process id');
  return { pid, exited };
}
