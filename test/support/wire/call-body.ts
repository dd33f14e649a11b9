import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Owner, temporaryDirectory } from '../cleanup.js';
import { invokeRequest } from '../raw-client.js';

/** A message as gRPC sends it: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, Length-Prefixed-Message. */
export function framed(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** A file with the body of a call of `dcf.v1.Functions/Invoke`. It goes with its owner. */
export async function callBody(owner: Owner, name: string, input: string): Promise<string> {
  return await bodyFile(owner, framed(invokeRequest({ function: name, input: Buffer.from(input) })));
}

/** A file with these bytes. It goes with its owner. */
export async function bodyFile(owner: Owner, bytes: Uint8Array): Promise<string> {
  const path = join(await temporaryDirectory(owner), 'body');
  await writeFile(path, bytes);
  return path;
}
