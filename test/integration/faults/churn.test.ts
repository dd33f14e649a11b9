import { deployCycles, manyCalls, memoryGrowth } from '../../support/faults/churn.js';
import { faults } from '../../support/faults/fault-matrix.js';

const cycles = 20;
const calls = 100_000;

// `npm run soak` does the same for longer.
faults('Time', {}, (row) => {
  row(`${cycles} times: deploy, call, delete`, 'Memory, descriptors and processes come back; no file is left', (scene) =>
    deployCycles(scene, cycles),
  );

  row(`${calls.toLocaleString('en')} calls`, 'Memory and descriptors come back', (scene) => manyCalls(scene, calls), { memoryGrowth });
});
