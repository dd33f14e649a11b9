import { LinkedList } from '../../core/linked-list.js';
import type { WorkerRequest } from './request.js';

/** Calls of one worker, in order. */
export class RequestList extends LinkedList<WorkerRequest> {
  /** The call with this number on the worker's stream. */
  find(wireId: number): WorkerRequest | undefined {
    for (let request = this.first; request !== undefined; request = request.next) {
      if (request.wireId === wireId) return request;
    }
    return undefined;
  }
}
