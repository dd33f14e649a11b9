/** Thrown for a header block that breaks RFC 7541. The connection has to end (COMPRESSION_ERROR): the tables of both sides differ from then on. */
export class HpackError extends Error {
  static {
    HpackError.prototype.name = 'HpackError';
  }
}
