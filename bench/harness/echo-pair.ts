import { randomBytes } from 'node:crypto';
import { deployFolder, verifyEcho } from './calls.js';
import type { Finding, Limit, Side } from './finding.js';
import { type Load, type LoadResult, prepareLoad, requireH2load, runLoad } from './h2load.js';
import { repositoryPath } from './paths.js';
import { interleave, type Rounds } from './rounds.js';
import type { Scope } from './scope.js';
import { type Server, startBareServer, startDaemon } from './servers.js';

/** The daemon with functions/echo, and the bare server that it is held against. */
export interface EchoPair {
  daemon: Server;
  bare: Server;
}

/** Both go with the scope. Throws a DcfError FAILED_PRECONDITION when h2load is not installed. */
export async function startEchoPair(scope: Scope): Promise<EchoPair> {
  await requireH2load(scope.signal);
  const daemon = await startDaemon(scope);
  const bare = await startBareServer(scope);
  await deployFolder(scope, daemon, repositoryPath('functions/echo'));
  return { daemon, bare };
}

/** Puts the same load on both, in turn, after an SDK client has seen that both answer with the very bytes. */
export async function compareEcho(
  scope: Scope,
  { daemon, bare }: EchoPair,
  { bytes, ...amount }: { bytes: number } & Pick<Load, 'calls' | 'inFlight'>,
): Promise<Rounds<LoadResult>> {
  const input = randomBytes(bytes);
  for (const server of [daemon, bare]) await verifyEcho(scope, server, 'echo', input);
  const load = await prepareLoad(scope, { function: 'echo', input, output: input }, amount);
  return await interleave(
    () => runLoad(scope, daemon, load),
    () => runLoad(scope, bare, load),
  );
}

/** One figure of both sides' results, as a finding. */
export function echoFinding(
  { subject, peer }: Rounds<LoadResult>,
  about: { what: string; unit: string; limit: Limit; value: (result: LoadResult) => number },
): Finding {
  const { value, ...rest } = about;
  const side = (name: string, results: readonly LoadResult[]): Side => ({ name, values: results.map(value) });
  return { kind: 'compared', ...rest, subject: side('dcf', subject), peer: side('bare', peer) };
}
