import type { PlainExit, StartRequest } from './process-start.js';

/** What the daemon tells its spawner. */
export type SpawnerOrder =
  | { kind: 'start'; id: number; request: StartRequest }
  /** A process that an earlier spawner started: it, too, has to end with the daemon. */
  | { kind: 'guard'; pid: number }
  /** It has ended. */
  | { kind: 'release'; pid: number };

/** What the spawner tells the daemon. All but the first are about the start with that id. */
export type SpawnerReport =
  | { kind: 'up' }
  /** The daemon can connect now. */
  | { kind: 'listening'; id: number }
  | { kind: 'started'; id: number; pid: number }
  | { kind: 'failed'; id: number; message: string }
  | { kind: 'exited'; id: number; exit: PlainExit };

const orders: readonly string[] = ['start', 'guard', 'release'] satisfies SpawnerOrder['kind'][];
const reports: readonly string[] = ['up', 'listening', 'started', 'failed', 'exited'] satisfies SpawnerReport['kind'][];

/** Tells a message of ours from what Node itself may send over the same channel. */
export function isOrder(message: unknown): message is SpawnerOrder {
  return orders.includes(kindOf(message));
}

/** Whether a message is one that the spawner sends to the daemon. */
export function isReport(message: unknown): message is SpawnerReport {
  return reports.includes(kindOf(message));
}

function kindOf(message: unknown): string {
  return typeof message === 'object' && message !== null && 'kind' in message && typeof message.kind === 'string' ? message.kind : '';
}
