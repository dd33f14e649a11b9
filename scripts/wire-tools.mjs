// Builds the programs that others wrote and that the tests of the gRPC server are done with, and the servers that its benchmarks hold
// it against, into the user's cache folder; what is there already is found at once. Arguments name sets; without any it is the one for tests.
// A line "NAME<tab>PATH" for each program goes to stdout. Exit codes: 0 all are there, 1 some are not (a line on stderr says why), 2 bad usage.
import { join } from 'node:path';
import { programsOf } from './wire-tools/cache.mjs';
import { sets } from './wire-tools/sets.mjs';

/** Tests ask with this: a reason that was found a moment ago holds for them. */
const isTest = process.argv[2] === '--for-tests';
const named = process.argv.slice(isTest ? 3 : 2);
const wanted = named.length === 0 ? ['tests'] : named;
const unknown = wanted.find((name) => !Object.hasOwn(sets, name));
if (unknown !== undefined) {
  console.error(`there is no set "${unknown}"; there are: ${Object.keys(sets).join(', ')}`);
  process.exit(2);
}
for (const name of wanted) {
  try {
    const folder = await programsOf(name, sets[name], { isRetry: !isTest, onOutput: (line) => console.error(line) });
    for (const program of Object.keys(sets[name].programs)) console.log(`${program}\t${join(folder, program)}`);
  } catch (error) {
    console.error(`${Object.keys(sets[name].programs).join(', ')} cannot be had: ${error.message}`);
    process.exitCode = 1;
  }
}
