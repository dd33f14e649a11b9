import { DcfError } from '../../core/errors.js';

/**
 * The bytes of what a Handler returned: bytes as they are, a string as UTF-8, a JSON value as JSON text.
 *
 * @throws DcfError INTERNAL, saying what was returned, when it is no Reply
 */
export function replyBytes(reply: unknown): Uint8Array {
  if (reply instanceof Uint8Array) return reply;
  if (typeof reply === 'string') return Buffer.from(reply, 'utf8');
  if (reply instanceof ArrayBuffer) return new Uint8Array(reply);
  const problem = problemWith(reply);
  if (problem !== undefined) throw noReply(problem);
  let json: string | undefined;
  try {
    json = JSON.stringify(reply);
  } catch (error) {
    throw new DcfError('INTERNAL', `the Handler returned an object that JSON cannot write: ${firstLine(error)}`, { cause: error });
  }
  if (json === undefined) throw noReply('an object whose toJSON returns nothing');
  return Buffer.from(json, 'utf8');
}

function problemWith(reply: unknown): string | undefined {
  switch (typeof reply) {
    case 'undefined':
      return 'nothing (undefined)';
    case 'function':
    case 'symbol':
    case 'bigint':
      return `a ${typeof reply}`;
    case 'object':
      if (reply === null) return undefined;
      if (ArrayBuffer.isView(reply))
        return `a ${reply.constructor.name}; wrap it: new Uint8Array(view.buffer, view.byteOffset, view.byteLength)`;
      if (reply instanceof Map || reply instanceof Set) return `a ${reply.constructor.name}; make it a plain object or a list`;
      if (Symbol.asyncIterator in reply) return 'an async iterable; streamed replies are not supported yet';
      return undefined;
    default:
      return undefined;
  }
}

function noReply(what: string): DcfError {
  return new DcfError('INTERNAL', `the Handler returned ${what}; a reply is bytes, a string or a JSON value`);
}

function firstLine(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
}
