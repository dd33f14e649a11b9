import fc from 'fast-check';
import { type Mutation, RandomConnection } from './random-connection.js';

// Numbers and no records of what each step does: most of the time would go into making them.
const steps = fc.array(fc.nat({ max: 0x3fffffff }), { maxLength: 24 });
const mutations = fc.array(fc.record({ at: fc.nat({ max: 400 }), byte: fc.nat({ max: 255 }) }), { maxLength: 2 });

/** Tries so many random connections. */
export function checkConnections(runs: number): void {
  const { stackTraceLimit } = Error;
  // Thousands of errors are made, and their traces would take a quarter of the time.
  Error.stackTraceLimit = 0;
  try {
    fc.assert(fc.property(steps, mutations, checkConnection), { numRuns: runs });
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** Tries one, which a failure of the others names. */
export function checkConnection(choices: readonly number[], mutations: readonly Mutation[]): void {
  const connection = new RandomConnection(mutations);
  for (const choice of choices) connection.step(choice);
  connection.finish();
}
