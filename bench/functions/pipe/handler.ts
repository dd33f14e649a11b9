import type { Request } from '@dcf/sdk';

/** Gives each chunk back as it comes. */
export class Handler {
  call(request: Request): AsyncIterable<Uint8Array> {
    return request.chunks;
  }
}
