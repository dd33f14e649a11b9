import { DcfError } from '@dcf/sdk/errors';
import { repositoryPath } from './paths.js';
import { runProcess } from './processes.js';
import type { Scope } from './scope.js';
import type { Server } from './servers.js';

/** Calls that fall due at a fixed rate, however slow the answers are (open), or so many in flight all the time (closed). */
export type Arrivals = { kind: 'open'; perSecond: number } | { kind: 'closed'; inFlight: number };

export interface GeneratedLoad {
  function: string;
  /** Sent as UTF-8. */
  input: string;
  connections: number;
  seconds: number;
  arrivals: Arrivals;
}

/** One call. Times are in milliseconds. */
export interface Sample {
  /** When it should have been sent, from the load's start. */
  dueMs: number;
  /** How much later it was sent: the generator's own delay. */
  lateMs: number;
  /** From when it was due until its end, so that calls that wait to be sent are not forgotten. */
  latencyMs: number;
  /** A gRPC status by its name; OK for an answer. */
  code: string;
}

/** Puts a load on a server from a process of its own (bench/load-generator.ts). Resolves with every call when all have ended. */
export async function generateLoad(scope: Scope, { port }: Server, load: GeneratedLoad): Promise<Sample[]> {
  const { arrivals } = load;
  const amount = arrivals.kind === 'open' ? arrivals.perSecond : arrivals.inFlight;
  const numbers = [load.connections, load.seconds].map(String);
  const argv = [
    repositoryPath('dist/bench/load-generator.js'),
    String(port),
    load.function,
    load.input,
    ...numbers,
    arrivals.kind,
    String(amount),
  ];
  return parseSamples(await runProcess(scope, 'the load generator', argv, {}));
}

/** Reads what the load generator writes. Throws a DcfError INTERNAL when it is something else. */
export function parseSamples(text: string): Sample[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [, due, late, latency, code] = /^(\d+\.\d+)\t(-?\d+\.\d+)\t(\d+\.\d+)\t([A-Z_]+)$/.exec(line) ?? [];
      if (code === undefined) throw new DcfError('INTERNAL', `the load generator wrote ${JSON.stringify(line)}`);
      return { dueMs: Number(due), lateMs: Number(late), latencyMs: Number(latency), code };
    });
}

/** Answers a second in the time in which calls were sent; what came later is not counted. */
export function goodput(samples: readonly Sample[], seconds: number): number {
  return samples.filter(({ code, dueMs, latencyMs }) => code === 'OK' && dueMs + latencyMs <= seconds * 1000).length / seconds;
}

/** Throws a DcfError INTERNAL, with the counts, when a call ended in another way than those allowed. */
export function requireCodes(samples: readonly Sample[], allowed: readonly string[]): void {
  const others = samples.filter(({ code }) => !allowed.includes(code)).map(({ code }) => code);
  if (others.length === 0) return;
  const kinds = [...new Set(others)].map((code) => `${others.filter((other) => other === code).length} ${code}`);
  throw new DcfError('INTERNAL', `of ${samples.length} calls ended otherwise than ${allowed.join(' or ')}: ${kinds.join(', ')}`);
}
