import type { Request } from '@dcf/sdk';

/** Has another function answer: what its calls take longer than that function's own is what a nested call costs. */
export class Handler {
  call(request: Request): Promise<Uint8Array> {
    return request.call('echo', request.input);
  }
}
