import type { Handler } from '@dcf/sdk';
import { DcfError } from '../../../core/errors.js';
import type { WorkerRequest } from './request.js';

/** Gathers calls into batches, and gives each batch to the Handler's `callBatch`. */
export class Batches {
  private gathered: WorkerRequest[] = [];

  constructor(private readonly handler: Handler) {}

  /**
   * Adds a call to the batch. Returns the batch if this call completes it.
   *
   * @param more - whether the next call belongs to the same batch
   */
  gather(request: WorkerRequest, more: boolean): readonly WorkerRequest[] | undefined {
    this.gathered.push(request);
    if (more) return undefined;
    const batch = this.gathered;
    this.gathered = [];
    return batch;
  }

  /**
   * Runs a batch. Resolves with one reply for each call, in their order; an Error as a reply fails its call alone.
   *
   * @throws whatever the Handler throws; DcfError INTERNAL when it does not return a list with one reply for each call
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
