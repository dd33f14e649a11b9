import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, credentials, status } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { cleanUp, type Owner, temporaryDirectory } from './cleanup.js';
import { root } from './programs.js';

/** What a method answered: its reply, field by field, or the status that it failed with. */
export type OldReply = { code: 'OK'; reply: unknown } | { code: string; details: string };

/** Calls a method of pb.Gateway. */
export type OldClient = (method: string, request: object) => Promise<OldReply>;

/**
 * A client as the original DCF's own are: made from its contract, in which `Msg` is a string. With `bytes` it is one that
 * wants binary results and declares them so.
 */
export async function oldClient(owner: Owner, url: string, msg: 'string' | 'bytes' = 'string'): Promise<OldClient> {
  const contract = await readFile(join(root, 'proto', 'gateway.proto'), 'utf8');
  const path = join(await temporaryDirectory(owner), 'gateway.proto');
  await writeFile(path, contract.replace('bytes Msg', `${msg} Msg`));
  const service = loadSync(path, { keepCase: true, longs: Number, defaults: true })['pb.Gateway'];
  if (service === undefined || 'format' in service) throw new Error('the contract has no service pb.Gateway');
  const client = new Client(url, credentials.createInsecure());
  cleanUp(owner, () => client.close());
  return (method, request) =>
    new Promise((resolve, reject) => {
      const definition = service[method];
      if (definition === undefined) {
        reject(new Error(`the contract has no method ${method}`));
        return;
      }
      client.makeUnaryRequest(
        definition.path,
        definition.requestSerialize,
        definition.responseDeserialize,
        request,
        (error, reply: unknown) => resolve(error === null ? { code: 'OK', reply } : { code: status[error.code], details: error.details }),
      );
    });
}

function field(answer: OldReply, name: string): unknown {
  const reply = 'reply' in answer ? answer.reply : undefined;
  return typeof reply === 'object' && reply !== null ? Reflect.get(reply, name) : undefined;
}

/** The calls that an answer of GetMeta counts. */
export function countOf(answer: OldReply): number {
  return Number(field(answer, 'InvocationCount'));
}

/** The text of an answer that is one. */
export function messageOf(answer: OldReply): string {
  return String(field(answer, 'Msg'));
}
