import { type ChannelCredentials, credentials } from '@grpc/grpc-js';
import { DcfError, messageOf } from '../errors.js';
import type { TlsOptions } from './options.js';

/** The credentials of a channel. Throws a DcfError INVALID_ARGUMENT for a certificate or key that cannot be read. */
export function makeCredentials(tls: TlsOptions | undefined): ChannelCredentials {
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
