import { createHash, timingSafeEqual } from 'node:crypto';
import { DcfError } from '../core/errors.js';

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Decides who may call: everybody where the daemon has no token, otherwise who shows it. */
export class Authenticator {
  private readonly expected: Buffer | undefined;

  constructor(token: string | undefined) {
    this.expected = token === undefined ? undefined : digest(token);
  }

  get required(): boolean {
    return this.expected !== undefined;
  }

  /**
   * Checks an `authorization` value. Digests are compared, so that the time it takes tells nothing of the token.
   *
   * @throws DcfError UNAUTHENTICATED
   */
  check(authorization: string | undefined): void {
    if (this.expected === undefined) return;
    if (authorization === undefined)
      throw new DcfError('UNAUTHENTICATED', 'this daemon asks for a token: set DCF_TOKEN, or send "authorization: Bearer <token>"');
    const [, token] = /^Bearer (.+)$/i.exec(authorization) ?? [];
    if (token === undefined || !timingSafeEqual(digest(token), this.expected)) {
      throw new DcfError('UNAUTHENTICATED', 'the token is wrong');
    }
  }
}
