import fc from 'fast-check';
import { RandomConnection } from './random-connection.js';

// Numbers and no records of what each step does: most of the time would go into making them.
const steps = fc.array(fc.nat({ max: 0x3fffffff }), { maxLength: 30 });
const mutations = fc.array(fc.record({ at: fc.nat({ max: 400 }), byte: fc.nat({ max: 255 }) }), { maxLength: 2 });

/** Tries so many random connections. @param seed - @default a random one */
export function checkConnections(runs: number, seed?: number): void {
  fc.assert(
    fc.property(steps, mutations, (choices, mutations) => {
      const connection = new RandomConnection(mutations);
      for (const choice of choices) connection.step(choice);
      connection.finish();
    }),
    { numRuns: runs, ...(seed === undefined ? {} : { seed }) },
  );
}
