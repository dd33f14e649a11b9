import { eventually } from '../processes.js';
import type { DaemonScene } from './scene.js';

/** Holds a call whose input begins with `hold` until its signal aborts; answers `seen` with the inputs that it was called with. */
export const holder = `declare const process: any;
export class Handler {
  seen: string[] = [];
  async call(request: any): Promise<any> {
    const text = request.text().slice(0, 20);
    if (text === 'seen') return this.seen;
    this.seen.push(text);
    if (!text.startsWith('hold')) return request.input;
    return await new Promise((resolve) => request.signal.addEventListener('abort', () => {
      this.seen.push('aborted ' + text);
      resolve('aborted');
    }));
  }
}`;

/** What the function under fault has of calls, and how many failed. */
export async function callState(scene: DaemonScene) {
  const { running, queued, summary } = await scene.daemon.control.describe(scene.name);
  return { running, queued, errors: summary?.errors };
}

/** Waits until the function has so many calls. Whether the last one is queued or was sent ahead to a busy worker is the pool's business. */
export async function holds(scene: DaemonScene, calls: number): Promise<void> {
  await eventually(`it has ${calls} calls`, async () => {
    const { running, queued } = await callState(scene);
    return running + queued === calls;
  });
}

/** Holds the only slot until the returned function is called. */
export async function holdSlot(scene: DaemonScene, input = 'hold'): Promise<() => Promise<void>> {
  const gone = scene.controller();
  const held = scene.call(input, { signal: gone.signal, timeoutMs: 60_000 });
  await eventually('the call runs', async () => (await callState(scene)).running === 1);
  return async () => {
    gone.abort();
    await held;
  };
}

/** The inputs that a `holder` was called with, and those whose signal aborted. */
export async function seen(scene: DaemonScene): Promise<unknown> {
  return JSON.parse((await scene.expect('seen', { code: 'OK' })).text);
}
