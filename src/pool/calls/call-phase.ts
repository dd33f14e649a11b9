import { DcfError } from '../../core/errors.js';

/**
 * Where a call is on its way:
 *
 *     queued ⇄ ahead → running → delivering → done
 *                 ↘       ↓
 *                   abandoned → done
 *
 * - `queued`: accepted; no worker has it.
 * - `ahead`: a worker that is busy with another call has it; the Handler has not begun it, and it may come back.
 * - `running`: a Handler has it, and its caller waits.
 * - `delivering`: the worker has answered it; its caller has not taken all of the answer yet.
 * - `abandoned`: its caller has been told how it ended, but a worker still has it.
 * - `done`: its caller has been told, and no worker has it.
 *
 * A call that is `queued` or `delivering` can be settled, too; it is then `done`.
 */
export type CallPhase = 'queued' | 'ahead' | 'running' | 'delivering' | 'abandoned' | 'done';

/** INTERNAL for a step that no call in this phase can take: whoever asked for it has lost track of the call. */
export function illegalStep(requestId: string, phase: CallPhase, step: string): DcfError {
  return new DcfError('INTERNAL', `call ${requestId} is ${phase} and cannot ${step}`);
}
