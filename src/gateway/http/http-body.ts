import type { IncomingMessage } from 'node:http';
import { DcfError, PayloadTooLarge } from '../../core/errors.js';
import type { ByteBudget } from '../byte-budget.js';

/** How the reading of a body ended. */
export type Body =
  /** The body is complete, and its bytes are reserved in the budget. */
  | { kind: 'whole'; input: Uint8Array }
  | { kind: 'refused'; error: DcfError }
  /** The client disconnected before the body's end. */
  | { kind: 'gone' };

export interface BodyLimits {
  /** The function's name, for messages. */
  name: string;
  /** Most bytes of one input. */
  maxPayload: number;
  budget: ByteBudget;
}

/**
 * Refuses a body by its announced length, before any of it is read.
 *
 * @throws DcfError RESOURCE_EXHAUSTED when it is over the function's limit, or the byte budget has no room for it now
 */
export function checkAnnounced({ headers }: IncomingMessage, { name, maxPayload, budget }: BodyLimits): void {
  const announced = Number(headers['content-length'] ?? 0);
  if (announced > maxPayload) throw new PayloadTooLarge(`${announced} bytes`, name, maxPayload);
  budget.check(announced);
}

/** Reads a body until its end or a limit. Each piece is counted when it arrives. `done` is called once. */
export function readBody(request: IncomingMessage, { name, maxPayload, budget }: BodyLimits, done: (body: Body) => void): void {
  const pieces: Buffer[] = [];
  let length = 0;
  const settle = (body: Body): void => {
    request.off('data', onData).off('end', onEnd).off('close', onClose);
    if (body.kind !== 'whole') budget.give(length);
    done(body);
  };
  const onData = (piece: Buffer): void => {
    try {
      if (length + piece.length > maxPayload) throw new PayloadTooLarge(`more than ${maxPayload} bytes`, name, maxPayload);
      budget.take(piece.length, length);
    } catch (error) {
      settle({ kind: 'refused', error: DcfError.from(error, 'INTERNAL') });
      return;
    }
    length += piece.length;
    pieces.push(piece);
  };
  const onEnd = (): void => settle({ kind: 'whole', input: joined(pieces, length) });
  const onClose = (): void => settle({ kind: 'gone' });
  request.on('data', onData).on('end', onEnd).on('close', onClose);
}

function joined(pieces: readonly Buffer[], length: number): Uint8Array {
  const [first] = pieces;
  return first !== undefined && pieces.length === 1 ? first : Buffer.concat(pieces, length);
}
