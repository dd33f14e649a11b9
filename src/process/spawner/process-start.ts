import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { type Deferred, defer } from '../../core/promises.js';
import { LeftBehind, markName } from './left-behind.js';

/** Describes a process to start, and where the daemon connects to its file descriptors. */
export interface StartRequest {
  /** Path of a Unix socket that is made for this start alone. Its first connection becomes file descriptor 1, the second 2, and so on. */
  path: string;
  /** How many connections the process gets. */
  connections: number;
  /** The program and its arguments. */
  command: readonly string[];
  directory: string;
  environment: Readonly<Record<string, string>>;
}

/** How a process ended, as the system reports it. Both are null when its parent was gone, so that nobody got the report. */
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
  /** Resolves once they are made and the process runs. Rejects with the system's error, or when they are not made within 10 s. */
  readonly started: Promise<StartedProcess>;
}

/** Kills what the processes that were started here leave behind. */
export const leftBehind = new LeftBehind();

const connectTimeoutMs = 10_000;

/** Listens for the daemon's connections, and starts the process when all are there. Rejects when it cannot listen. */
export async function listenForStart(request: StartRequest): Promise<ProcessStart> {
  const ends: Socket[] = [];
  const connected = defer<void>();
  // The sockets are only passed on to the process, never read here.
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (end) => {
    end.on('error', () => undefined);
    ends.push(end);
    if (ends.length === request.connections) connected.resolve();
  });
  const listening = once(server, 'listening');
  server.listen(request.path);
  await listening;
  const started = startWhenConnected(request, { server, ends, connected });
  // The caller may not wait for it any more.
  started.catch(() => undefined);
  return { started };
}

interface Listening {
  server: Server;
  ends: Socket[];
  connected: Deferred<void>;
}

async function startWhenConnected(request: StartRequest, { server, ends, connected }: Listening): Promise<StartedProcess> {
  const late = new Error(`the daemon did not connect to the new process within ${connectTimeoutMs / 1_000} s`);
  const timer = setTimeout(() => connected.reject(late), connectTimeoutMs);
  try {
    await connected.promise;
    return await start(request, ends);
  } finally {
    clearTimeout(timer);
    // The process has its own copies. If these stayed open, it would never see the end of its streams.
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
    // A process group of its own: a Ctrl-C at the daemon's terminal does not reach it, and a kill of the group reaches its children.
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
  // Later errors only say that a signal could not be sent to a process that is gone.
  child.on('error', () => undefined);
  const { pid } = child;
  if (pid === undefined) throw new Error('the system gave the new process no process id');
  return { pid, exited };
}
