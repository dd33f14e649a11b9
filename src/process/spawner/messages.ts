import type { PlainExit, StartRequest } from './process-start.js';

/** A message from the daemon to its spawner. */
export type SpawnerOrder =
  | { kind: 'start'; id: number; request: StartRequest }
  /** A process that an earlier spawner started has to end with the daemon, too. */
  | { kind: 'guard'; pid: number }
  /** A process of a `guard` message has ended. */
  | { kind: 'release'; pid: number };

/** A message from the spawner to the daemon. `id` is that of the `start` message. */
export type SpawnerReport =
  /** The spawner takes messages. */
  | { kind: 'up' }
  /** The daemon can connect to the socket of the start. */
  | { kind: 'listening'; id: number }
  | { kind: 'started'; id: number; pid: number }
  | { kind: 'failed'; id: number; message: string }
  | { kind: 'exited'; id: number; exit: PlainExit };

const orders: readonly string[] = ['start', 'guard', 'release'] satisfies SpawnerOrder['kind'][];
const reports: readonly string[] = ['up', 'listening', 'started', 'failed', 'exited'] satisfies SpawnerReport['kind'][];

/** Whether a message is one that the daemon sends to the spawner: Node itself may use the same channel. */
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
