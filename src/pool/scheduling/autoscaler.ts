/** The least and the most replicas of a function, and when a replica that is not needed ends. */
export interface ScaleBounds {
  min: number;
  max: number;
  /** Milliseconds that a replica above `min` stays without being needed. */
  idleTimeoutMs: number;
}

/** The load of a pool, measured every `scaleIntervalMs`. */
export interface Load {
  /** Milliseconds of a clock that only goes forward. */
  now: number;
  /** Calls accepted and not answered, at this moment. */
  calls: number;
  /** The most such calls at one time since the last measurement. */
  peakCalls: number;
  /** Calls that one replica runs at the same time. */
  callsPerReplica: number;
  readyReplicas: number;
}

/** What the autoscaler remembers from one measurement to the next. */
export interface ScaleState {
  /** Replicas that there should be. */
  wanted: number;
  /** Replicas that the calls of the last measurement needed. */
  lastNeeded: number;
  /** Since when fewer than `wanted` were needed, and the most that were needed since. */
  low: { since: number; needed: number } | undefined;
}

/** Milliseconds between two measurements of a pool's load. */
export const scaleIntervalMs = 250;

/**
 * Decides how many replicas a function should have. It scales up fast: to as many as two measurements in a row needed, at most to
 * twice as many as are ready, so that a very short burst starts nothing. It scales down slowly: only when fewer were needed for
 * the whole of `idleTimeoutMs`, and then to the most that were needed in that time, so that the number does not go up and down.
 */
export function scale(state: ScaleState, load: Load, bounds: ScaleBounds): ScaleState {
  const { min, max } = bounds;
  const clamp = (count: number): number => Math.min(Math.max(count, min), max);
  const needed = clamp(Math.ceil(load.calls / load.callsPerReplica));
  const lasting = Math.min(needed, state.lastNeeded);
  if (lasting > state.wanted) {
    const wanted = clamp(Math.min(lasting, Math.max(1, 2 * load.readyReplicas)));
    return { wanted: Math.max(wanted, state.wanted), lastNeeded: needed, low: undefined };
  }
  const peak = clamp(Math.ceil(load.peakCalls / load.callsPerReplica));
  if (peak >= state.wanted) return { wanted: clamp(state.wanted), lastNeeded: needed, low: undefined };
  const low = { since: state.low?.since ?? load.now, needed: Math.max(peak, state.low?.needed ?? 0) };
  if (load.now - low.since < bounds.idleTimeoutMs) return { wanted: clamp(state.wanted), lastNeeded: needed, low };
  return { wanted: low.needed, lastNeeded: needed, low: undefined };
}
