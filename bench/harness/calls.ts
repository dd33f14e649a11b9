import { Client } from '@dcf/sdk';
import { ControlClient } from '@dcf/sdk/control';
import { DcfError } from '@dcf/sdk/errors';
import type { Override } from '@dcf/sdk/manifest';
import { packFunction } from '@dcf/sdk/package';
import type { Scope } from './scope.js';
import type { Server } from './servers.js';

/** Deploys a function's folder, with what `--set` would change. Throws the daemon's DcfError when that fails. */
export async function deployFolder(scope: Scope, { url }: Server, folder: string, overrides: readonly Override[] = []): Promise<void> {
  const control = new ControlClient(url);
  try {
    await control.deploy(await packFunction(folder, { overrides }), { signal: scope.signal });
  } finally {
    control.close();
  }
}

/** One call over a connection of its own. Resolves with the output. */
export async function callOnce(scope: Scope, { url }: Server, name: string, input: Uint8Array): Promise<Uint8Array> {
  const client = new Client(url);
  try {
    const { output } = await client.invoke(name, input, { signal: scope.signal });
    return output;
  } finally {
    client.close();
  }
}

/** Makes sure that an echo function of a server answers with the very bytes. Throws a DcfError INTERNAL when it does not. */
export async function verifyEcho(scope: Scope, server: Server, name: string, input: Uint8Array): Promise<void> {
  const output = await callOnce(scope, server, name, input);
  if (Buffer.compare(output, input) === 0) return;
  throw new DcfError('INTERNAL', `${server.url} answered ${input.length} bytes with ${output.length} others`);
}
