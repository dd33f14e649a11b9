import type { ChannelCredentials } from '@grpc/grpc-js';
import { DcfError, messageOf } from '../errors.js';
import type { Address } from './address.js';
import type { ConnectionOptions, TlsOptions } from './options.js';

/**
 * The TLS options of a channel; `undefined` for plaintext.
 *
 * @throws DcfError INVALID_ARGUMENT when they do not fit one another or the URL
 */
export function readTls({ tls: byUrl, shown }: Address, given: ConnectionOptions['tls']): TlsOptions | undefined {
  if (given === undefined) return byUrl === true ? {} : undefined;
  if (byUrl === false) {
    throw new DcfError('INVALID_ARGUMENT', `the URL says http, but tls is given: write https://${shown}, or leave tls out`);
  }
  const tls = given === true ? {} : given;
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    throw new DcfError('INVALID_ARGUMENT', 'tls.cert and tls.key belong together: give both or neither');
  }
  return tls;
}

/** The credentials of a channel. Throws a DcfError INVALID_ARGUMENT for a certificate or key that cannot be read. */
export function makeCredentials(credentials: typeof import('@grpc/grpc-js').credentials, tls: TlsOptions | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  try {
    return credentials.createSsl(pem(tls.ca), pem(tls.key), pem(tls.cert));
  } catch (error) {
    throw new DcfError('INVALID_ARGUMENT', `tls: a certificate or key cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

function pem(text: string | Uint8Array | undefined): Buffer | null {
  return text === undefined ? null : Buffer.from(text);
}
