// The spawner: a small process beside the daemon that starts the replicas for it. See spawner.ts for why.
import { isOrder, type SpawnerReport } from './messages.js';
import { leftBehind, listenForStart, type StartRequest } from './process-start.js';

/** Ids of the process groups that have to end with the daemon. */
const guarded = new Set<number>();
/** The exits of the processes that were started here. */
const running = new Set<Promise<unknown>>();

function report(message: SpawnerReport): void {
  // An error means that the daemon is gone; the 'disconnect' event handles that.
  process.send?.(message, undefined, undefined, () => undefined);
}

async function start(id: number, request: StartRequest): Promise<void> {
  try {
    const { started } = await listenForStart(request);
    report({ kind: 'listening', id });
    const { pid, exited } = await started;
    guarded.add(pid);
    running.add(exited);
    report({ kind: 'started', id, pid });
    const exit = await exited;
    guarded.delete(pid);
    running.delete(exited);
    report({ kind: 'exited', id, exit });
  } catch (error) {
    report({ kind: 'failed', id, message: error instanceof Error ? error.message : String(error) });
  }
}

process.on('message', (message) => {
  if (!isOrder(message)) return;
  if (message.kind === 'start') void start(message.id, message.request);
  else if (message.kind === 'guard') guarded.add(message.pid);
  else guarded.delete(message.pid);
});

// The daemon is gone. Replicas are killed, because one that is busy in user code never notices the end of its stream.
process.on('disconnect', () => {
  for (const pid of guarded) {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // The process group is empty.
    }
  }
  void leave();
});

/** How long this process waits for the exits of the processes that it killed. */
const leaveGraceMs = 1_000;

async function leave(): Promise<void> {
  setTimeout(() => process.exit(), leaveGraceMs);
  await Promise.all(running);
  await leftBehind.done();
  process.exit();
}

// A service manager may signal all processes of a service at once. The daemon needs this one until it has stopped, so signals are ignored.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);

report({ kind: 'up' });
