import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Override } from '@dcf/sdk/manifest';
import { deployFolder, verifyEcho } from './calls.js';
import type { Finding, Limit, Side } from './finding.js';
import { type Load, type LoadResult, prepareLoad, requireH2load, runLoad } from './h2load.js';
import { repositoryPath } from './paths.js';
import { interleave, type Rounds } from './rounds.js';
import type { Scope } from './scope.js';
import { type Server, startBareServer, startDaemon } from './servers.js';

/** The daemon with functions/echo, and the server that it is held against. */
export interface EchoPair {
  daemon: Server;
  peer: Server;
  /** What the report calls the peer. */
  peerName: string;
}

/** Starts the daemon and the bare server; both go with the scope. Throws a DcfError FAILED_PRECONDITION when h2load is not installed. */
export async function startEchoPair(scope: Scope): Promise<EchoPair> {
  const daemon = await startEchoDaemon(scope, repositoryPath('.'));
  return { daemon, peer: await startBareServer(scope), peerName: 'bare' };
}

/**
 * Starts the daemon, and the daemon of another checkout that is built, such as the commit before a change; both go with the scope.
 * Throws a DcfError FAILED_PRECONDITION when h2load is not installed, INTERNAL when the other daemon does not start.
 */
export async function startCheckoutPair(scope: Scope, checkout: string): Promise<EchoPair> {
  const daemon = await startEchoDaemon(scope, repositoryPath('.'));
  return { daemon, peer: await startEchoDaemon(scope, checkout), peerName: 'other checkout' };
}

/**
 * Starts the daemon of a checkout with functions/echo. It goes with the scope.
 *
 * @param overrides - of the function's manifest
 */
export async function startEchoDaemon(scope: Scope, checkout: string, overrides: readonly Override[] = []): Promise<Server> {
  await requireH2load(scope.signal);
  const daemon = await startDaemon(scope, { program: [join(checkout, 'dist/src/daemon/main.js')] });
  await deployFolder(scope, daemon, repositoryPath('functions/echo'), overrides);
  return daemon;
}

export interface EchoResults extends Rounds<LoadResult> {
  peerName: string;
}

/** Puts the same load on both, in turn, after an SDK client has seen that both answer with the very bytes. */
export async function compareEcho(
  scope: Scope,
  { daemon, peer, peerName }: EchoPair,
  { bytes, ...amount }: { bytes: number } & Pick<Load, 'calls' | 'inFlight'>,
): Promise<EchoResults> {
  const input = randomBytes(bytes);
  for (const server of [daemon, peer]) await verifyEcho(scope, server, 'echo', input);
  const load = await prepareLoad(scope, { function: 'echo', input, output: input }, amount);
  const rounds = await interleave(
    () => runLoad(scope, daemon, load),
    () => runLoad(scope, peer, load),
  );
  return { ...rounds, peerName };
}

/** One figure of both sides' results, as a finding. */
export function echoFinding(
  { subject, peer, peerName }: EchoResults,
  about: { what: string; unit: string; limit: Limit; value: (result: LoadResult) => number },
): Finding {
  const { value, ...rest } = about;
  const side = (name: string, results: readonly LoadResult[]): Side => ({ name, values: results.map(value) });
  return { kind: 'compared', ...rest, subject: side('dcf', subject), peer: side(peerName, peer) };
}
