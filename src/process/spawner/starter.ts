import { listenForStart, type ProcessStart, type StartRequest } from './process-start.js';

/** Who starts processes. */
export interface Starter {
  /** Whether the kernel has to end its processes when it is gone; otherwise they outlive it, and somebody else sees to their end. */
  readonly endsWithIt: boolean;
  /**
   * Resolves when the daemon can connect.
   *
   * @throws StarterGone when it has ended; whoever asked may ask another
   */
  listen(request: StartRequest): Promise<ProcessStart>;
}

/** The starter is gone before the process was started. */
export class StarterGone extends Error {}

/** This process itself. */
export const directStarter: Starter = { endsWithIt: true, listen: listenForStart };
