import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@dcf/sdk';
import { ControlClient } from '@dcf/sdk/control';
import type { Override } from '@dcf/sdk/manifest';
import type { Scope } from './scope.js';
import type { Server } from './servers.js';

const lookAgainMs = 25;

/** A manifest whose function has no replica as soon as nobody calls it. */
export const restingReplicas: readonly Override[] = [{ path: ['replicas'], value: { min: 0, max: 1, idleTimeout: '1ms' } }];

/** Calls a function that is at rest, time and again, over one open connection. Resolves with the milliseconds of each call. */
export async function coldCalls(
  scope: Scope,
  { url }: Server,
  { name, input, starts }: { name: string; input: Uint8Array; starts: number },
): Promise<number[]> {
  const client = new Client(url);
  const control = new ControlClient(url);
  try {
    await client.invoke(name, input, { signal: scope.signal });
    const values: number[] = [];
    while (values.length < starts) {
      await untilAtRest(scope, control, name);
      const begun = performance.now();
      await client.invoke(name, input, { signal: scope.signal });
      values.push(performance.now() - begun);
    }
    return values;
  } finally {
    client.close();
    control.close();
  }
}

/** Until no process of it is left. */
async function untilAtRest({ signal }: Scope, control: ControlClient, name: string): Promise<void> {
  for (;;) {
    const { summary, replicas } = await control.describe(name, { signal });
    if (summary?.state === 'idle' && replicas.length === 0) return;
    await sleep(lookAgainMs, undefined, { signal });
  }
}
