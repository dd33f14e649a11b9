import { createSign, generateKeyPairSync } from 'node:crypto';

/** A self-signed certificate and its key, both PEM. */
export interface Certificate {
  cert: Buffer;
  key: Buffer;
}

/** One DER value, https://www.itu.int/rec/T-REC-X.690: tag, length, content. */
function der(tag: number, ...content: Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.from([tag, ...lengthOf(body)]), body]);
}

/** As few bytes as will do: others than OpenSSL take nothing else. */
function lengthOf({ length }: Buffer): number[] {
  if (length < 0x80) return [length];
  return length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
}

const sequence = (...parts: Buffer[]): Buffer => der(0x30, ...parts);
const oid = (...bytes: number[]): Buffer => der(0x06, Buffer.from(bytes));
const octets = (content: Buffer): Buffer => der(0x04, content);
const utcTime = (text: string): Buffer => der(0x17, Buffer.from(text));
const ecdsaWithSha256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
const yes = der(0x01, Buffer.from([0xff]));

function pem(label: string, content: Buffer): Buffer {
  const lines = content.toString('base64').match(/.{1,64}/g) ?? [];
  return Buffer.from(`-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`);
}

/** A certificate for 127.0.0.1 and for a host name, which is its own authority; its form is that of RFC 5280. */
export function makeCertificate(hostName: string): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const commonName = sequence(der(0x31, sequence(oid(0x55, 0x04, 0x03), der(0x0c, Buffer.from(hostName)))));
  const names = sequence(der(0x87, Buffer.from([127, 0, 0, 1])), der(0x82, Buffer.from(hostName)));
  const extensions = sequence(sequence(oid(0x55, 0x1d, 0x11), octets(names)), sequence(oid(0x55, 0x1d, 0x13), yes, octets(sequence(yes))));
  const signed = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1])),
    ecdsaWithSha256,
    commonName,
    sequence(utcTime('200101000000Z'), utcTime('491231235959Z')),
    commonName,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, extensions),
  );
  const signature = createSign('SHA256').update(signed).sign(privateKey);
  const cert = pem('CERTIFICATE', sequence(signed, ecdsaWithSha256, der(0x03, Buffer.from([0]), signature)));
  return { cert, key: Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' })) };
}
