import { listenForStart, type ProcessStart, type StartRequest } from './process-start.js';

/** Starts processes: the daemon itself, or its spawner. */
export interface Starter {
  /** Whether its processes have to end when it ends. */
  readonly endsWithIt: boolean;
  /**
   * Begins to start a process. Resolves when the daemon can connect to it.
   *
   * @throws StarterGone when the starter has ended; another one can be tried
   */
  listen(request: StartRequest): Promise<ProcessStart>;
}

/** Thrown when the starter ended before it had started the process. */
export class StarterGone extends Error {}

/** Starts processes from this process itself. */
export const directStarter: Starter = { endsWithIt: true, listen: listenForStart };
