import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { deploySource, echoSource } from '../functions.js';
import { bystanderName } from './bystander.js';
import { defaultMemoryGrowth } from './play.js';
import type { DaemonScene } from './scene.js';

const callsInFlight = 64;

/**
 * After many calls the V8 of newer versions leaves more uncollected, but no more the longer it goes on: 110 MiB with Node 22 and 200 MiB
 * with Node 24 after 100,000 calls, 102 MiB after 400,000 and 166 MiB after 300,000; with Node 20 67 MiB.
 */
export const memoryGrowth = Number.parseInt(process.versions.node, 10) >= 22 ? 256 * 2 ** 20 : defaultMemoryGrowth;

/** Makes so many calls, 64 at a time, and checks every answer. */
export async function manyCalls(scene: DaemonScene, count: number): Promise<void> {
  await scene.deploy(echoSource, { concurrency: 16, timeout: '60s' });
  const begun = performance.now();
  let made = 0;
  const caller = async (): Promise<void> => {
    while (made < count) {
      made += 1;
      const input = `call ${made}`;
      const { code, details, text } = await scene.call(input, { timeoutMs: 60_000 });
      assert.equal(code, 'OK', details);
      assert.equal(text, input);
    }
  };
  await Promise.all(Array.from({ length: callsInFlight }, caller));
  scene.note(`${Math.round((1000 * count) / (performance.now() - begun))} calls a second`);
}

/** Deploys a function, calls it and deletes it, so many times, each with other bytes; nothing of it may be left. */
export async function deployCycles(scene: DaemonScene, count: number): Promise<void> {
  const { daemon } = scene;
  for (let cycle = 0; cycle < count; cycle++) {
    const name = `cycle-${cycle % 7}`;
    const source = `export class Handler { call(request: any) { console.log('called'); return request.text() + ' ${cycle}'; } }`;
    await deploySource(scene, daemon, name, source, { files: { 'data.txt': `of cycle ${cycle}` }, limits: { payload: '1MiB' } });
    for (let call = 0; call < 5; call++) assert.equal((await scene.callOf(name, 'cycle')).text, `cycle ${cycle}`);
    await daemon.control.delete(name);
  }
  assert.deepEqual(
    (await daemon.control.list()).map(({ name }) => name),
    [bystanderName],
  );
  assert.deepEqual(await readdir(join(daemon.data, 'functions')), [bystanderName]);
  assert.deepEqual(
    (await readdir(join(daemon.data, 'logs'))).filter((name) => name.startsWith('cycle')),
    [],
  );
}
