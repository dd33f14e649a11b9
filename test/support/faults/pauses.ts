import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../processes.js';
import type { DaemonScene } from './scene.js';

interface Pause {
  /** The number of the replica that failed; a function's first is 1. */
  replica: number;
  /** Milliseconds from its failure to the start of the next. */
  pauseMs: number;
}

/** Notes when replicas of the function under fault are started and fail, by the daemon's own clock, for as long as the row goes on. */
export class Pauses {
  private readonly starts = new Map<number, number>();
  private readonly failures = new Set<number>();
  private over = false;

  constructor(private readonly scene: DaemonScene) {
    const watched = this.watch().catch(() => undefined);
    scene.after(async () => {
      this.over = true;
      await watched;
    });
  }

  /** How many were seen. */
  get count(): number {
    return this.seen().length;
  }

  /** Sees three pauses at least. Each is twice as long as the one before, with a jitter of a fifth. */
  async becomeLonger(): Promise<void> {
    await eventually('three pauses were seen', () => this.count >= 3);
    for (const { replica, pauseMs } of this.seen()) {
      const least = 50 * 2 ** (replica - 1) * 0.8 - 5;
      assert.ok(pauseMs >= least, `replica ${replica} failed, and ${pauseMs} ms later the next was started; ${least} ms is the least`);
    }
  }

  /** The daemon is asked so often that few are missed. */
  private seen(): Pause[] {
    return [...this.starts].flatMap(([replica, start]) => {
      const next = this.starts.get(replica + 1);
      const failure = [...this.failures].find((time) => start <= time && next !== undefined && time <= next);
      return failure === undefined || next === undefined ? [] : [{ replica, pauseMs: next - failure }];
    });
  }

  private async watch(): Promise<void> {
    while (!this.over) {
      const { replicas, lastFailureAt } = await this.scene.daemon.control.describe(this.scene.name);
      for (const { id, startedAt } of replicas) this.starts.set(id, startedAt);
      this.failures.add(lastFailureAt);
      await sleep(10);
    }
  }
}
