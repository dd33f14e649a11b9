import { performance } from 'node:perf_hooks';
import type { Client } from '@dcf/sdk';
import { percentile } from '../harness/statistics.js';

/** How a function did with so many calls in flight. */
export interface LoadFigures extends Record<string, unknown> {
  inFlight: number;
  calls: number;
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  /** Calls that the Handler got at once, on average of the calls. */
  meanBatch: number;
  /** What the calls' reports name. */
  providers: readonly string[];
}

export interface Load {
  name: string;
  input: Uint8Array;
  inFlight: number;
  seconds: number;
  signal: AbortSignal;
}

/** Keeps so many calls in flight for a time. Throws the DcfError of the first that fails. */
export async function runLoad(client: Client, { name, input, inFlight, seconds, signal }: Load): Promise<LoadFigures> {
  const latencies: number[] = [];
  const providers = new Set<string>();
  let batched = 0;
  await client.invoke(name, input, { signal, timeout: '60s' });
  const start = performance.now();
  const end = start + seconds * 1000;
  const loop = async (): Promise<void> => {
    while (performance.now() < end) {
      const begun = performance.now();
      const { report } = await client.invoke(name, input, { signal, timeout: '60s' });
      latencies.push(performance.now() - begun);
      batched += report.batchSize ?? 1;
      for (const provider of report.providers ?? []) providers.add(provider);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, loop));
  const calls = latencies.length;
  return {
    inFlight,
    calls,
    perSecond: (calls * 1000) / (performance.now() - start),
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    meanBatch: batched / calls,
    providers: [...providers],
  };
}
