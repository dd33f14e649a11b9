import type { Request } from '@dcf/sdk';

/** Answers with the bytes that it was sent: what is left of a call's time is the platform's own. */
export class Handler {
  call(request: Request): Uint8Array {
    return request.input;
  }
}
