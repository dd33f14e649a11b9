import { readFile } from 'node:fs/promises';
import { ControlClient } from '@dcf/sdk/control';
import type { Benchmark } from '../benchmark.js';
import { callOnce, deployFolder } from '../harness/calls.js';
import type { Finding } from '../harness/finding.js';
import { type LoadResult, prepareLoad, requireH2load, runLoad } from '../harness/h2load.js';
import { repositoryPath } from '../harness/paths.js';
import { interleave } from '../harness/rounds.js';
import type { Scope } from '../harness/scope.js';
import { type Server, startDaemon } from '../harness/servers.js';

const inFlight = 32;
/** A picture of 40 by 40 pixels, and a photo, which takes long to decode. */
const pictures = [
  { file: '2-small.png', calls: 1500 },
  { file: '8-felt-pen.jpg', calls: 320 },
];

/** What it is worth to give a Handler all calls that wait, instead of one after the other. */
export const batching: Benchmark = {
  name: 'batching',
  title: `digits, which decodes a batch's pictures side by side and runs its model once, against batch.maxSize 1; one worker each, ${inFlight} in flight`,
  run: async (scope) => {
    await requireH2load(scope.signal);
    const daemon = await startDaemon(scope);
    await deployDigits(scope, daemon, 'digits');
    await deployDigits(scope, daemon, 'digits-alone', 1);
    const findings: Finding[] = [];
    for (const { file, calls } of pictures) findings.push(...(await compare(scope, daemon, file, calls)));
    return findings;
  },
};

async function deployDigits(scope: Scope, daemon: Server, name: string, maxSize?: number): Promise<void> {
  const overrides = [
    { path: ['name'], value: name },
    { path: ['providers'], value: ['cpu'] },
  ];
  const size = maxSize === undefined ? [] : [{ path: ['batch', 'maxSize'], value: maxSize }];
  await deployFolder(scope, daemon, repositoryPath('functions/digits'), [...overrides, ...size]);
}

async function compare(scope: Scope, daemon: Server, file: string, calls: number): Promise<Finding[]> {
  const input = await readFile(repositoryPath(`functions/digits/examples/${file}`));
  const output = await callOnce(scope, daemon, 'digits', input);
  const prepare = (name: string) => prepareLoad(scope, { function: name, input, output }, { calls, inFlight });
  const [together, alone] = [await prepare('digits'), await prepare('digits-alone')];
  const before = await batchesOf(scope, daemon);
  const { subject, peer } = await interleave(
    () => runLoad(scope, daemon, together),
    () => runLoad(scope, daemon, alone),
  );
  const after = await batchesOf(scope, daemon);
  const rates = (results: readonly LoadResult[]): number[] => results.map((result) => result.callsPerSecond);
  return [
    {
      kind: 'compared',
      what: `throughput of ${file}`,
      unit: 'calls a second',
      subject: { name: 'batches', values: rates(subject) },
      peer: { name: 'one by one', values: rates(peer) },
      limit: { kind: 'at least', value: 1.15 },
    },
    {
      kind: 'measured',
      what: `batch size with ${file}, mean of all rounds`,
      unit: 'calls',
      values: [(after.calls - before.calls) / (after.batches - before.batches)],
    },
  ];
}

/** The batches that digits has had so far, and the calls in them. */
async function batchesOf({ signal }: Scope, { url }: Server): Promise<{ batches: number; calls: number }> {
  const control = new ControlClient(url);
  try {
    const { batches } = await control.describe('digits', { signal });
    return {
      batches: batches.reduce((sum, { count }) => sum + count, 0),
      calls: batches.reduce((sum, { size, count }) => sum + size * count, 0),
    };
  } finally {
    control.close();
  }
}
