import { performance } from 'node:perf_hooks';
import { startTimer } from '../../core/deadline.js';
import type { ReplicaSet } from '../replica/replica-set.js';
import { type ScaleBounds, type ScaleState, scale, scaleIntervalMs } from './autoscaler.js';

/** The part of a replica set that the scaler uses. */
export type ScaledReplicas = Pick<ReplicaSet, 'start' | 'setWanted' | 'wanted' | 'readyCount'>;

/** Decides how many replicas a pool needs: measures the load at regular times, as long as there is anything to decide. */
export class Scaler {
  private state: ScaleState = { wanted: 0, lastNeeded: 0, low: undefined };
  private calls = 0;
  private peakCalls = 0;
  private cancelTick: (() => void) | undefined;
  private stopped = true;

  /**
   * @param callsPerReplica - calls that one replica runs at the same time
   */
  constructor(
    private readonly replicas: ScaledReplicas,
    private bounds: ScaleBounds,
    private readonly callsPerReplica: number,
  ) {}

  get min(): number {
    return this.bounds.min;
  }

  /** Starts replicas and resolves when `count` are ready. @throws as `ReplicaSet.start` does */
  start(count: number): Promise<void> {
    this.stopped = false;
    this.state = { wanted: count, lastNeeded: 0, low: undefined };
    const started = this.replicas.start(count);
    this.startTicking();
    return started;
  }

  /** Decides nothing more until the next `start`. */
  stop(): void {
    this.stopped = true;
    this.cancelTick?.();
    this.cancelTick = undefined;
  }

  /** Changes the least and the most replicas. */
  setBounds(bounds: { min: number; max: number }): void {
    this.bounds = { ...this.bounds, ...bounds };
    if (!this.stopped) this.want(Math.min(Math.max(this.replicas.wanted, bounds.min), bounds.max));
  }

  /** Notes how many calls are accepted and not answered now. */
  note(calls: number): void {
    this.calls = calls;
    if (calls > this.peakCalls) this.peakCalls = calls;
    if (calls > 0 && this.cancelTick === undefined) this.startTicking();
  }

  /** Starts a replica for the first call of a pool without replicas. The load will show how many more it needs. */
  wake(): void {
    if (this.replicas.wanted === 0 && !this.stopped) this.want(1);
  }

  /** Whether there may be one replica more. */
  get canGrow(): boolean {
    return !this.stopped && this.replicas.wanted < this.bounds.max;
  }

  /** Starts one replica more, whatever the load; false when there may be none. */
  grow(): boolean {
    if (!this.canGrow) return false;
    this.want(this.replicas.wanted + 1);
    return true;
  }

  private want(count: number): void {
    this.state = { wanted: count, lastNeeded: 0, low: undefined };
    this.replicas.setWanted(count);
    this.startTicking();
  }

  private startTicking(): void {
    if (this.cancelTick !== undefined || this.bounds.max <= this.bounds.min || this.stopped) return;
    this.cancelTick = startTimer(scaleIntervalMs, () => {
      this.cancelTick = undefined;
      this.tick();
    });
  }

  private tick(): void {
    const { calls, peakCalls, callsPerReplica, replicas } = this;
    const load = { now: performance.now(), calls, peakCalls, callsPerReplica, readyReplicas: replicas.readyCount };
    this.peakCalls = calls;
    const before = this.state.wanted;
    this.state = scale(this.state, load, this.bounds);
    const { wanted } = this.state;
    if (wanted !== before) replicas.setWanted(wanted);
    if (wanted > this.bounds.min || calls > 0) this.startTicking();
  }
}
