import { readFile } from 'node:fs/promises';
import { ControlClient } from '@dcf/sdk/control';
import type { Benchmark } from '../benchmark.js';
import { callOnce, deployFolder } from '../harness/calls.js';
import type { Finding, Side } from '../harness/finding.js';
import { prepareLoad, requireH2load, runLoad } from '../harness/h2load.js';
import { repositoryPath } from '../harness/paths.js';
import { interleave } from '../harness/rounds.js';
import type { Scope } from '../harness/scope.js';
import { type Server, startDaemon } from '../harness/servers.js';

const inFlight = 32;

interface Picture {
  file: string;
  calls: number;
}

/** A picture of 40 by 40 pixels. */
const small: Picture = { file: '2-small.png', calls: 1500 };
/** A photo, which takes long to decode. */
const photo: Picture = { file: '8-felt-pen.jpg', calls: 320 };

/** A deployed function, and what it is called in the report. */
interface Candidate {
  function: string;
  name: string;
}

interface Sample {
  callsPerSecond: number;
  /** Mean number of calls in a batch of this round. */
  batchSize: number;
}

/** Measures what it is worth to give a Handler all calls that wait, instead of one after the other. */
export const batching: Benchmark = {
  name: 'batching',
  title: `digits, which decodes a batch's pictures side by side and runs its model once; one worker each, ${inFlight} in flight`,
  run: async (scope) => {
    await requireH2load(scope.signal);
    const daemon = await startDaemon(scope);
    const together = await deployDigits(scope, daemon, 'batches of up to 8', {});
    const alone = await deployDigits(scope, daemon, 'one by one', { maxSize: 1 });
    const waits = await deployDigits(scope, daemon, 'batch.maxDelay auto', { maxSize: inFlight });
    const neverWaits = await deployDigits(scope, daemon, 'batch.maxDelay 0ms', { maxSize: inFlight, maxDelay: '0ms' });
    return [
      ...(await compare(scope, daemon, small, { subject: together, peer: alone, atLeast: 1.15 })),
      ...(await compare(scope, daemon, photo, { subject: together, peer: alone, atLeast: 1.15 })),
      // Callers who ask again as soon as they are answered: do they meet in the one batch that would hold them all?
      ...(await compare(scope, daemon, small, { subject: waits, peer: neverWaits, atLeast: 0.95 })),
    ];
  },
};

async function deployDigits(scope: Scope, daemon: Server, name: string, batch: Readonly<Record<string, unknown>>): Promise<Candidate> {
  const candidate = { function: `digits-${name.replaceAll(/[^a-z0-9]+/gi, '-')}`.toLowerCase(), name };
  const overrides = [
    { path: ['name'], value: candidate.function },
    { path: ['providers'], value: ['cpu'] },
    ...Object.entries(batch).map(([key, value]) => ({ path: ['batch', key], value })),
  ];
  await deployFolder(scope, daemon, repositoryPath('functions/digits'), overrides);
  return candidate;
}

interface Comparison {
  subject: Candidate;
  peer: Candidate;
  /** The least that the ratio of the throughputs may be. */
  atLeast: number;
}

async function compare(scope: Scope, daemon: Server, picture: Picture, { subject, peer, atLeast }: Comparison): Promise<Finding[]> {
  const samples = await interleave(await sampler(scope, daemon, picture, subject), await sampler(scope, daemon, picture, peer));
  const side = ({ name }: Candidate, of: readonly Sample[], value: keyof Sample): Side => ({
    name,
    values: of.map((sample) => sample[value]),
  });
  const sides = (value: keyof Sample) => ({
    subject: side(subject, samples.subject, value),
    peer: side(peer, samples.peer, value),
  });
  return [
    {
      kind: 'compared',
      what: `throughput of ${picture.file}, ${subject.name} against ${peer.name}`,
      unit: 'calls a second',
      ...sides('callsPerSecond'),
      limit: { kind: 'at least', value: atLeast },
    },
    { kind: 'compared', what: `mean size of a batch with ${picture.file}`, unit: 'calls', ...sides('batchSize') },
  ];
}

/** Prepares a round of one side: the load, and the batches that it made. */
async function sampler(scope: Scope, daemon: Server, { file, calls }: Picture, candidate: Candidate): Promise<() => Promise<Sample>> {
  const input = await readFile(repositoryPath(`functions/digits/examples/${file}`));
  const output = await callOnce(scope, daemon, candidate.function, input);
  const load = await prepareLoad(scope, { function: candidate.function, input, output }, { calls, inFlight });
  return async () => {
    const before = await batchesOf(scope, daemon, candidate.function);
    const { callsPerSecond } = await runLoad(scope, daemon, load);
    const after = await batchesOf(scope, daemon, candidate.function);
    const batches = after.batches - before.batches;
    return { callsPerSecond, batchSize: batches === 0 ? 1 : (after.calls - before.calls) / batches };
  };
}

/** The batches that a function has had so far, and the calls in them. With `batch.maxSize` 1 there are none. */
async function batchesOf({ signal }: Scope, { url }: Server, name: string): Promise<{ batches: number; calls: number }> {
  const control = new ControlClient(url);
  try {
    const { batches } = await control.describe(name, { signal });
    return {
      batches: batches.reduce((sum, { count }) => sum + count, 0),
      calls: batches.reduce((sum, { size, count }) => sum + size * count, 0),
    };
  } finally {
    control.close();
  }
}
