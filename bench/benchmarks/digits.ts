import { readFile } from 'node:fs/promises';
import { DcfError } from '@dcf/sdk/errors';
import type { Benchmark } from '../benchmark.js';
import { callOnce, deployFolder } from '../harness/calls.js';
import type { Finding } from '../harness/finding.js';
import { type LoadResult, prepareLoad, requireH2load, runLoad } from '../harness/h2load.js';
import { repositoryPath } from '../harness/paths.js';
import { interleave } from '../harness/rounds.js';
import type { Scope } from '../harness/scope.js';
import { type Server, startDaemon } from '../harness/servers.js';

const onCpu = [{ path: ['providers'], value: ['cpu'] }];

/** A picture of 40 by 40 pixels, and a photo, most of whose time goes into decoding it and finding the digit. */
const loads = [
  { picture: '2-small.png', inFlight: 1, calls: 60, atLeast: 1 },
  { picture: '2-small.png', inFlight: 32, calls: 160, atLeast: 1 },
  { picture: '8-felt-pen.jpg', inFlight: 1, calls: 12 },
  { picture: '8-felt-pen.jpg', inFlight: 32, calls: 40 },
];

/** A Handler that decodes pictures and runs a model, in TypeScript with sharp against the same in Python with Pillow and numpy. */
export const digits: Benchmark = {
  name: 'digits',
  title: 'digits in TypeScript against its Python twin, on one daemon and on the CPU; one worker each, batches of up to 8',
  run: async (scope) => {
    await requireH2load(scope.signal);
    const daemon = await startDaemon(scope);
    for (const folder of ['digits', 'python-digits']) await deployFolder(scope, daemon, repositoryPath(`functions/${folder}`), onCpu);
    const findings: Finding[] = [];
    for (const load of loads) findings.push(await compare(scope, daemon, load));
    return findings;
  },
};

async function compare(scope: Scope, daemon: Server, { picture, inFlight, calls, atLeast }: (typeof loads)[number]): Promise<Finding> {
  const input = await readFile(repositoryPath(`functions/digits/examples/${picture}`));
  const prepare = async (name: string): Promise<() => Promise<LoadResult>> => {
    const output = await callOnce(scope, daemon, name, input);
    verifyDigit(name, picture, output);
    const load = await prepareLoad(scope, { function: name, input, output }, { calls, inFlight });
    return () => runLoad(scope, daemon, load);
  };
  const { subject, peer } = await interleave(await prepare('digits'), await prepare('python-digits'));
  const side = (name: string, results: readonly LoadResult[]) => ({ name, values: results.map(({ callsPerSecond }) => callsPerSecond) });
  return {
    kind: 'compared',
    what: `throughput of ${picture}, ${inFlight} in flight`,
    unit: 'calls a second',
    subject: side('TypeScript', subject),
    peer: side('Python', peer),
    ...(atLeast === undefined ? {} : { limit: { kind: 'at least', value: atLeast } }),
  };
}

/** Throws a DcfError INTERNAL unless the answer has the digit that the picture's file is named after. */
function verifyDigit(name: string, picture: string, output: Uint8Array): void {
  const answer = Buffer.from(output).toString();
  if (!answer.startsWith(`{"digit":${picture.charAt(0)},`)) throw new DcfError('INTERNAL', `${name} answered ${picture} with ${answer}`);
}
