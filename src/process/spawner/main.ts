// The spawner: a small process beside the daemon that starts the replicas for it. See spawner.ts for why.
import { isOrder, type SpawnerReport } from './messages.js';
import { leftBehind, listenForStart, type StartRequest } from './process-start.js';

/** Leaders of the process groups that end with the daemon. */
const guarded = new Set<number>();
/** The ends of those that were started here. */
const running = new Set<Promise<unknown>>();

function report(message: SpawnerReport): void {
  // An error means that the daemon is gone, of which 'disconnect' tells.
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

// The daemon is gone. A replica that spins in user code never reads its end of file.
process.on('disconnect', () => {
  for (const pid of guarded) {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // The group is empty already.
    }
  }
  void leave();
});

/** How long the ends of the processes that were killed may take to be known. */
const leaveGraceMs = 1_000;

async function leave(): Promise<void> {
  setTimeout(() => process.exit(), leaveGraceMs);
  await Promise.all(running);
  await leftBehind.done();
  process.exit();
}

// Whoever stops all processes of a service at once stops the daemon with them, which still needs this one until it is done.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);

report({ kind: 'up' });
