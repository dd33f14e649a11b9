import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { faults } from '../../support/faults/fault-matrix.js';
import { HttpCaller } from '../../support/faults/http-caller.js';
import type { DaemonScene } from '../../support/faults/scene.js';
import { residentMemory } from '../../support/faults/usage.js';
import { echoSource } from '../../support/functions.js';

const mebibyte = 2 ** 20;
const timeoutMs = 120_000;
const callsAtOnce = 8;
/** Room for the bystander beside eight calls. */
const limits = { bytesInFlight: 576 * mebibyte, payload: 64 * mebibyte, unprobed: true };

/** Looks at the daemon's memory until it is told to stop; returns the most that it saw, in bytes. */
function watchMemory(scene: DaemonScene): () => Promise<number> {
  let watching = true;
  let most = 0;
  const watch = async (): Promise<void> => {
    while (watching) {
      most = Math.max(most, residentMemory(scene.daemon.pid));
      await sleep(5);
    }
  };
  const watched = watch();
  return async () => {
    watching = false;
    await watched;
    return most;
  };
}

/** Bytes that are another's in no place. */
function patterned(length: number, seed: number): Buffer {
  return Buffer.alloc(length, Buffer.from(Array.from({ length: 251 }, (_, index) => (index * 7 + seed) % 256)));
}

/** Makes the calls, and checks that each is answered with its own bytes while the daemon's memory keeps to `most` of them. */
async function allAtOnce(scene: DaemonScene, call: (input: Buffer) => Promise<Buffer>, most: number): Promise<void> {
  await scene.deploy(echoSource, { concurrency: 4, replicas: { min: 2, max: 2 } });
  const before = residentMemory(scene.daemon.pid);
  const mostMemory = watchMemory(scene);
  const inputs = Array.from({ length: callsAtOnce }, (_, index) => patterned(limits.payload, index));
  const outputs = await Promise.all(inputs.map(call));
  for (const [index, output] of outputs.entries()) assert.ok(inputs[index]?.equals(output), 'the bytes are the same');
  const grown = (await mostMemory()) - before;
  scene.note(`resident memory grew by ${Math.round(grown / mebibyte)} MiB at most`);
  assert.ok(grown < most, `${grown} bytes`);
}

// Idle, V8 collects what is outside of its heap when it likes to, and the allocator keeps the small pieces of large bodies.
const settings = { memoryGrowth: 4 * limits.bytesInFlight };

faults('Large bodies', { limits }, (row) => {
  row(
    '64 MiB, eight at once',
    'Equal bytes; the daemon grows by no more than four times what is in flight: what comes and goes, each in pieces and as a whole',
    async (scene) => {
      const call = async (input: Buffer): Promise<Buffer> => {
        const { code, details, output } = await scene.call(input, { timeoutMs });
        assert.equal(code, 'OK', details);
        return output;
      };
      await allAtOnce(scene, call, 4 * limits.bytesInFlight);
    },
    settings,
  );
});

// With a daemon of its own: one that has had large bodies once grows no more.
faults('HTTP: large bodies', { limits }, (row) => {
  row(
    '64 MiB, eight at once',
    'Equal bytes; the daemon grows by no more than three times what is in flight: what comes in pieces and as a whole, and what goes',
    async (scene) => {
      const http = new HttpCaller(scene, scene.daemon.http);
      const call = async (input: Buffer): Promise<Buffer> => {
        const { status, text, body } = await http.call(scene.name, input, { timeoutMs });
        assert.equal(status, 200, text.slice(0, 1_000));
        return body;
      };
      await allAtOnce(scene, call, 3 * limits.bytesInFlight);
    },
    settings,
  );
});
