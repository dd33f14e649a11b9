import test from 'node:test';
import { checkConnections } from '../support/http2/random-connections.js';

// npm run soak: what test/unit/http2/random.test.ts tries, for longer; SOAK_HTTP2_RUNS says for how long.

const runs = Number(process.env['SOAK_HTTP2_RUNS'] ?? 3_000_000);
/** Runs of one test, so that its output tells how far it is. */
const atOnce = 100_000;

for (let begun = 0; begun < runs; begun += atOnce) {
  const count = Math.min(atOnce, runs - begun);
  test(`${(begun + count).toLocaleString('en')} of ${runs.toLocaleString('en')} random connections`, () => checkConnections(count));
}
