import type { Request } from '@dcf/sdk';

/** Answers with the input. It takes no time itself, so the time of a call is that of the platform. */
export class Handler {
  call(request: Request): Uint8Array {
    return request.input;
  }
}
