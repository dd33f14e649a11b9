import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { DcfError, messageOf } from '../core/errors.js';
import type { TlsIdentity } from '../gateway/grpc/tls-server.js';
import type { Settings } from './settings.js';

type TlsSettings = Pick<Settings, 'grpc' | 'tlsCert' | 'tlsKey'>;

/**
 * Reads the certificate and the key with which gRPC is served; `undefined` when it is served without TLS.
 *
 * @throws DcfError INVALID_ARGUMENT that names the file when one is missing, cannot be read, or does not belong to the other
 */
export function readTlsFiles({ grpc, tlsCert, tlsKey }: TlsSettings): TlsIdentity | undefined {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) {
    const [given, missing] = tlsCert === undefined ? ['--tls-key', '--tls-cert'] : ['--tls-cert', '--tls-key'];
    throw wrong(`${given} is given without ${missing}: give both, or neither`);
  }
  if (grpc.kind === 'unix') throw wrong('--tls-cert: a Unix socket has no TLS; leave it and --tls-key out, or serve gRPC at a HOST:PORT');
  const cert = read('--tls-cert', tlsCert, 'a certificate in PEM', (text) => new X509Certificate(text));
  const key = read('--tls-key', tlsKey, 'a private key in PEM without a passphrase', createPrivateKey);
  if (!cert.parsed.checkPrivateKey(key.parsed)) throw wrong(`--tls-key: the key in ${tlsKey} is not that of the certificate in ${tlsCert}`);
  const identity = { cert: cert.text, key: key.text };
  try {
    createSecureContext(identity);
  } catch (error) {
    throw wrong(`--tls-cert: the certificate in ${tlsCert} and its key cannot be used: ${messageOf(error)}`);
  }
  return identity;
}

function read<Parsed>(flag: string, file: string, what: string, parse: (text: string) => Parsed): { text: string; parsed: Parsed } {
  try {
    const text = readFileSync(file, 'utf8');
    return { text, parsed: parse(text) };
  } catch (error) {
    throw wrong(`${flag}: ${file} is not a readable file with ${what}: ${messageOf(error)}`);
  }
}

function wrong(message: string): DcfError {
  return new DcfError('INVALID_ARGUMENT', message);
}
