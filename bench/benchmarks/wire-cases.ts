import type { Limit } from '../harness/finding.js';
import type { LoadAmount, LoadResult } from '../harness/h2load.js';
import type { PeerName } from '../harness/peers.js';

const mebibyte = 2 ** 20;

/** A load that is put on the daemon and on each peer in turn. */
export interface WireCase {
  what: string;
  /** The length of the input. */
  bytes: number;
  amount: LoadAmount;
  /** Connections beside it that call nothing. */
  idle?: number;
  figure: Figure;
  /** What the ratio of the daemon's figure to a peer's has to keep to. */
  limits?: Partial<Record<PeerName, Limit>>;
  /** Whether the daemon's processor time for a call is told. */
  tellsProcessorTime?: true;
}

/** What is compared of the results of a load. */
export interface Figure {
  unit: string;
  value: (result: LoadResult) => number;
}

const calls: Figure = { unit: 'calls a second', value: ({ callsPerSecond }) => callsPerSecond };
const latency: Figure = { unit: 'median latency in milliseconds', value: ({ latencyMs }) => latencyMs };
const bytesOf = (bytes: number): Figure => ({
  unit: 'MiB a second',
  value: ({ callsPerSecond }) => (callsPerSecond * bytes) / mebibyte,
});

const atLeast = (value: number): Limit => ({ kind: 'at least', value });
const atMost = (value: number): Limit => ({ kind: 'at most', value });

/** The load that one with as many calls in flight on as many connections is held against, by the daemon itself. */
export const oneConnection = { calls: 30_000, inFlight: 64 } as const;
export const manyConnections = { calls: 30_000, inFlight: 1, connections: 64 } as const;

const small: readonly WireCase[] = [
  {
    what: '1 in flight',
    bytes: 64,
    amount: { calls: 5000, inFlight: 1 },
    figure: latency,
    limits: { 'grpc-js': atMost(1), 'grpc-go and a hop': atMost(1.25) },
  },
  {
    what: '64 in flight',
    bytes: 64,
    amount: oneConnection,
    figure: calls,
    limits: { 'grpc-js': atLeast(3), 'node:http2': atLeast(1.5), 'grpc-go and a hop': atLeast(0.8) },
    tellsProcessorTime: true,
  },
  { what: '1,000 in flight', bytes: 64, amount: { calls: 30_000, inFlight: 1000 }, figure: calls },
  { what: '64 connections, 1 in flight on each', bytes: 64, amount: manyConnections, figure: calls, limits: { 'grpc-js': atLeast(3) } },
  { what: '64 in flight, beside 500 idle connections', bytes: 64, amount: oneConnection, idle: 500, figure: calls },
];

const large: readonly WireCase[] = [
  { mebibytes: 1, calls: 300, inFlight: 4 },
  { mebibytes: 32, calls: 12, inFlight: 2 },
].flatMap(({ mebibytes, ...amount }) =>
  [
    { windowBits: 16, window: '64 KiB' },
    { windowBits: 20, window: '1 MiB' },
    { windowBits: 30, window: '1 GiB' },
  ].map(({ windowBits, window }) => ({
    what: `${amount.inFlight} in flight, windows of ${window}`,
    bytes: mebibytes * mebibyte,
    amount: { ...amount, windowBits },
    figure: bytesOf(mebibytes * mebibyte),
    limits: { 'grpc-js': atLeast(1.5) },
  })),
);

export const wireCases: readonly WireCase[] = [...small, ...large];
