import { randomBytes } from 'node:crypto';
import type { Override } from '@dcf/sdk/manifest';
import type { Benchmark, Effort } from '../benchmark.js';
import { verifyEcho } from '../harness/calls.js';
import { startEchoDaemon } from '../harness/echo-pair.js';
import type { Finding } from '../harness/finding.js';
import { type Load, type LoadAmount, type LoadResult, prepareLoad, runLoad } from '../harness/h2load.js';
import { openIdleConnections } from '../harness/idle-connections.js';
import { repositoryPath } from '../harness/paths.js';
import { type Peer, startPeers } from '../harness/peers.js';
import { readUsage } from '../harness/proc.js';
import { interleave, type Rounds, rounds } from '../harness/rounds.js';
import { type Scope, withScope } from '../harness/scope.js';
import type { Server } from '../harness/servers.js';
import { manyConnections, oneConnection, type WireCase, wireCases } from './wire-cases.js';

const quickRounds = 2;
/** The share of the calls that a quick run makes. */
const quickShare = 0.1;

/** Room for a thousand calls that wait, which the peers take without a limit. */
const longQueue: Override = { path: ['queue', 'maxSize'], value: 2000 };

/** A load's result, with what the server's own process took for each call: microseconds of processor time. */
interface WireResult extends LoadResult {
  processorUs: number;
}

/** The daemon against servers that others wrote, in one process and with a hop, from small calls to large ones. */
export const wire: Benchmark = {
  name: 'wire',
  title: 'echo over gRPC against other servers: small and large messages, many calls and connections, small and large windows',
  canBeQuick: true,
  run: async (scope, effort) => {
    const daemon = await startEchoDaemon(scope, repositoryPath('.'), [longQueue]);
    const peers = await startPeers(scope);
    const findings: Finding[] = [];
    for (const one of wireCases) findings.push(...(await compare(scope, daemon, peers, one, effort)));
    findings.push(await compareConnections(scope, daemon, effort));
    return findings;
  },
};

async function compare(scope: Scope, daemon: Server, peers: readonly Peer[], one: WireCase, effort: Effort): Promise<Finding[]> {
  const { what, bytes, amount, figure, limits, idle = 0 } = one;
  const load = await prepare(scope, [daemon, ...peers.map(({ server }) => server)], bytes, amount, effort);
  const findings: Finding[] = [];
  const ours: WireResult[] = [];
  for (const { name, server } of peers) {
    const { subject, peer } = await withScope(scope.signal, async (inner) => {
      for (const each of [daemon, server]) await openIdleConnections(inner, each, idle);
      return await inTurn(inner, [daemon, load], [server, load], effort);
    });
    ours.push(...subject);
    const limit = limits?.[name];
    findings.push({
      kind: 'compared',
      what: `${sizeOf(bytes)}, ${what}`,
      unit: figure.unit,
      subject: { name: 'dcf', values: subject.map(figure.value) },
      peer: { name, values: peer.map(figure.value) },
      ...(limit === undefined ? {} : { limit }),
    });
  }
  if (one.tellsProcessorTime === true) findings.push(processorTime(`${sizeOf(bytes)}, ${what}`, ours));
  return findings;
}

/** What it costs that the same number of calls comes over many connections. */
async function compareConnections(scope: Scope, daemon: Server, effort: Effort): Promise<Finding> {
  const many = await prepare(scope, [daemon], 64, manyConnections, effort);
  const single = await prepare(scope, [daemon], 64, oneConnection, effort);
  const { subject, peer } = await inTurn(scope, [daemon, many], [daemon, single], effort);
  const values = (results: readonly LoadResult[]): number[] => results.map(({ callsPerSecond }) => callsPerSecond);
  return {
    kind: 'compared',
    what: '64 bytes, 64 calls in flight on as many connections as calls',
    unit: 'calls a second',
    subject: { name: '64 connections', values: values(subject) },
    peer: { name: '1 connection', values: values(peer) },
    limit: { kind: 'at least', value: 0.8 },
  };
}

/** Prepares a load, once a client that looks at every byte and at the status has been answered by each server. */
async function prepare(scope: Scope, servers: readonly Server[], bytes: number, amount: LoadAmount, { quick }: Effort): Promise<Load> {
  const input = randomBytes(bytes);
  for (const server of servers) await verifyEcho(scope, server, 'echo', input);
  const least = amount.inFlight * (amount.connections ?? 1);
  const calls = quick ? Math.max(least, Math.round(amount.calls * quickShare)) : amount.calls;
  return await prepareLoad(scope, { function: 'echo', input, output: input }, { ...amount, calls });
}

function inTurn(scope: Scope, subject: [Server, Load], peer: [Server, Load], { quick }: Effort): Promise<Rounds<WireResult>> {
  return interleave(
    () => measure(scope, ...subject),
    () => measure(scope, ...peer),
    quick ? quickRounds : rounds,
  );
}

async function measure(scope: Scope, server: Server, load: Load): Promise<WireResult> {
  const before = await readUsage(server.pid);
  const result = await runLoad(scope, server, load);
  const after = await readUsage(server.pid);
  return { ...result, processorUs: ((after.cpuSeconds - before.cpuSeconds) * 1e6) / load.calls };
}

function processorTime(what: string, results: readonly WireResult[]): Finding {
  const values = results.map(({ processorUs }) => processorUs);
  return { kind: 'measured', what: `${what}: the daemon's processor time`, unit: 'µs a call', values, limit: { kind: 'under', value: 12 } };
}

function sizeOf(bytes: number): string {
  return bytes < 2 ** 20 ? `${bytes} bytes` : `${bytes / 2 ** 20} MiB`;
}
