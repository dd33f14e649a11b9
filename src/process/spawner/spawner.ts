import { performance } from 'node:perf_hooks';
import { Backoff, restartBackoff } from '../../core/backoff.js';
import { startTimer } from '../../core/deadline.js';
import { identify, whenGone } from './orphan.js';
import { SpawnerProcess } from './spawner-process.js';
import { directStarter, type Starter } from './starter.js';

/**
 * Starts replicas from a small process beside this one. Node 20 starts a process with fork(), which copies the page tables of all
 * that the daemon has in memory, and no call goes on meanwhile: 4 ms with 150 MiB, 42 ms with 850 MiB. A process with little
 * memory takes 1.6 ms, and delays no calls.
 *
 * The daemon works without it: while the spawner is not there, it starts replicas itself. Replicas that a spawner has started
 * go on when it ends, and the next spawner kills them when the daemon is gone.
 */
export class Spawner {
  private process: SpawnerProcess | undefined;
  private readonly orphans = new Set<number>();
  private readonly backoff = new Backoff(restartBackoff);
  private cancelPause: (() => void) | undefined;
  private closed = false;

  /** @param onEnded - called when the process has ended by itself; another one is started */
  constructor(private readonly onEnded: (pid: number | undefined) => void) {
    this.launch();
  }

  /** The starter to use for the next process. */
  get starter(): Starter {
    return this.process?.up === true ? this.process : directStarter;
  }

  /** Ends the spawner and all replicas that it has started. Resolves when it is gone. */
  async close(): Promise<void> {
    this.closed = true;
    this.cancelPause?.();
    this.process?.close();
    await this.process?.ended;
  }

  private launch(): void {
    const begun = performance.now();
    const launched = new SpawnerProcess();
    this.process = launched;
    for (const pid of this.orphans) launched.guard(pid);
    void launched.ended.then((left) => {
      this.process = undefined;
      if (this.closed) return;
      for (const pid of left) void this.adopt(pid);
      this.onEnded(launched.pid);
      this.cancelPause = startTimer(this.backoff.delayAfter(performance.now() - begun), () => this.launch());
    });
  }

  private async adopt(pid: number): Promise<void> {
    this.orphans.add(pid);
    await whenGone(identify(pid));
    this.orphans.delete(pid);
    this.process?.release(pid);
  }
}
