import { deployCycles, manyCalls, memoryGrowth } from '../support/faults/churn.js';
import { faults } from '../support/faults/fault-matrix.js';

// npm run soak: the rows of "Time" in docs/faults.md, for longer; SOAK_CYCLES and SOAK_CALLS say for how long.

const cycles = Number(process.env['SOAK_CYCLES'] ?? 200);
const calls = Number(process.env['SOAK_CALLS'] ?? 2_000_000);

faults('Soak', {}, (row) => {
  row(`${cycles} times: deploy, call, delete`, 'Memory, descriptors and processes come back; no file is left', (scene) =>
    deployCycles(scene, cycles),
  );

  row(`${calls.toLocaleString('en')} calls`, 'Memory and descriptors come back', (scene) => manyCalls(scene, calls), { memoryGrowth });
});
