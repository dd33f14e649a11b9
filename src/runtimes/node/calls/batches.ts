import type { Handler } from '@dcf/sdk';
import { DcfError } from '../../../core/errors.js';
import type { WorkerRequest } from './request.js';

/** Calls that the Handler gets together, in its `callBatch`. */
export class Batches {
  private gathered: WorkerRequest[] = [];

  constructor(private readonly handler: Handler) {}

  /**
   * Adds a call. Returns the batch that it completes.
   *
   * @param more - whether the batch goes on with the next call
   */
  gather(request: WorkerRequest, more: boolean): readonly WorkerRequest[] | undefined {
    this.gathered.push(request);
    if (more) return undefined;
    const batch = this.gathered;
    this.gathered = [];
    return batch;
  }

  /**
   * Resolves with one reply for each call; an Error is that of its call alone.
   *
   * @throws what the Handler throws, and DcfError INTERNAL when it returns anything else
   */
  async call(batch: readonly WorkerRequest[]): Promise<readonly unknown[]> {
    const replies: unknown = await this.handler.callBatch?.(batch);
    if (Array.isArray(replies) && replies.length === batch.length) return replies;
    const found = Array.isArray(replies) ? `${replies.length} replies` : `${replies === null ? 'null' : `a ${typeof replies}`}`;
    throw new DcfError(
      'INTERNAL',
      `callBatch returned ${found} for ${batch.length} requests; it must return a list with one reply for each`,
    );
  }
}
