import { createHash, timingSafeEqual } from 'node:crypto';
import { DcfError } from '../core/errors.js';

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Decides who may call: everybody if the daemon has no token, otherwise only callers that send it. */
export class Authenticator {
  private readonly expected: Buffer | undefined;

  constructor(token: string | undefined) {
    this.expected = token === undefined ? undefined : digest(token);
  }

  /** Whether the daemon has a token, which callers must send. */
  get required(): boolean {
    return this.expected !== undefined;
  }

  /**
   * Checks the value of an `authorization` header. Digests are compared, in constant time: how long it takes reveals nothing of the token.
   *
   * @throws DcfError UNAUTHENTICATED when the header is missing or malformed, or has another token
   */
  check(authorization: string | undefined): void {
    if (this.expected === undefined) return;
    if (authorization === undefined)
      throw new DcfError('UNAUTHENTICATED', 'this daemon requires a token: set DCF_TOKEN, or send "authorization: Bearer <token>"');
    const [, token] = /^Bearer (.+)$/i.exec(authorization) ?? [];
    if (token === undefined)
      throw new DcfError('UNAUTHENTICATED', 'the authorization header is malformed: send "authorization: Bearer <token>"');
    if (!timingSafeEqual(digest(token), this.expected)) {
      throw new DcfError('UNAUTHENTICATED', 'the token is wrong: send the one that the daemon was started with');
    }
  }
}
