import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { repositoryPath } from './paths.js';
import type { Scope } from './scope.js';
import { type Server, startBareServer, startPortServer } from './servers.js';

/** An echo server that the daemon is held against on the wire. */
export interface Peer {
  name: PeerName;
  server: Server;
}

export type PeerName = 'grpc-js' | 'node:http2' | 'grpc-go' | 'grpc-go and a hop' | 'tonic';

/** Starts every peer that can be had here; the others are left out with a line that says why. All go with the scope. */
export async function startPeers(scope: Scope): Promise<Peer[]> {
  const peers: Peer[] = [
    { name: 'grpc-js', server: await startBareServer(scope) },
    {
      name: 'node:http2',
      server: await startPortServer(scope, 'the node:http2 server', [process.execPath, repositoryPath('dist/bench/peers/http2-server.js')]),
    },
  ];
  const grpcGo = await build(scope, 'grpc-go');
  if (grpcGo !== undefined) {
    peers.push({ name: 'grpc-go', server: await startPortServer(scope, 'the grpc-go server', [grpcGo]) });
    peers.push({ name: 'grpc-go and a hop', server: await startPortServer(scope, 'the grpc-go server with a hop', [grpcGo, '-hop']) });
  }
  const tonic = await build(scope, 'tonic');
  if (tonic !== undefined) peers.push({ name: 'tonic', server: await startPortServer(scope, 'the tonic server', [tonic]) });
  return peers;
}

/** Builds the one program of a set of scripts/wire-tools.mjs, or finds it in the cache. `undefined` where it cannot be had, which it says. */
async function build({ signal }: Scope, set: string): Promise<string | undefined> {
  const argv = [repositoryPath('scripts/wire-tools.mjs'), set];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'], signal });
  const [out] = await Promise.all([text(child.stdout), once(child, 'close')]);
  signal.throwIfAborted();
  return child.exitCode === 0 ? out.trim().split('\t')[1] : undefined;
}
