import assert from 'node:assert/strict';
import { test } from 'node:test';
import { manyCalls } from '../../../support/faults/churn.js';
import { Stage } from '../../../support/faults/stage.js';

const leak = new URL('../../../support/faults/leak.js', import.meta.url).href;
const skip = process.platform === 'linux' ? false : 'needs /proc';

test('a daemon that keeps something of every call is caught', { skip }, async (t) => {
  const stage = await Stage.open(t, { environment: { NODE_OPTIONS: `--import=${leak}` } });
  const played = stage.play(t, (scene) => manyCalls(scene, 20_000), { settleMs: 300 });
  await assert.rejects(played, /descriptors are open; there were .*resident memory grew by \d+ MiB; allowed are 100 MiB/s);
});
