import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DcfError } from '@dcf/sdk/errors';
import type { Benchmark } from '../benchmark.js';
import { callOnce, deployFolder } from '../harness/calls.js';
import type { Finding } from '../harness/finding.js';
import { type LoadResult, prepareLoad, requireH2load, runLoad } from '../harness/h2load.js';
import { repositoryPath, temporaryFolder } from '../harness/paths.js';
import { interleave } from '../harness/rounds.js';
import type { Scope } from '../harness/scope.js';
import { type Server, startDaemon } from '../harness/servers.js';

/** A photo, most of whose time goes into finding the digit, and a picture of 40 by 40 pixels. */
const pictures = ['8-felt-pen.jpg', '2-small.png'];

const loads = [
  { what: 'throughput', unit: 'calls a second', calls: 200, inFlight: 4, value: (result: LoadResult) => result.callsPerSecond },
  { what: 'median latency', unit: 'milliseconds', calls: 100, inFlight: 1, value: (result: LoadResult) => result.latencyMs },
];

/** What building the model once is worth: functions/digits against the same function that builds it in every call. */
export const reload: Benchmark = {
  name: 'reload',
  title: 'digits with its model built once, against built in every call; one worker each, the same picture',
  run: async (scope) => {
    await requireH2load(scope.signal);
    const daemon = await startDaemon(scope);
    const asTheOther = [
      { path: ['providers'], value: ['cpu'] },
      { path: ['batch', 'maxSize'], value: 1 },
    ];
    await deployFolder(scope, daemon, repositoryPath('functions/digits'), asTheOther);
    await deployFolder(scope, daemon, await makeReloadFolder(scope));
    const findings: Finding[] = [];
    for (const picture of pictures) findings.push(...(await compare(scope, daemon, picture)));
    return findings;
  },
};

async function compare(scope: Scope, daemon: Server, picture: string): Promise<Finding[]> {
  const input = await readFile(repositoryPath(`functions/digits/examples/${picture}`));
  const output = await sameAnswer(scope, daemon, input);
  const findings: Finding[] = [];
  for (const { what, unit, value, ...amount } of loads) {
    const prepare = (name: string) => prepareLoad(scope, { function: name, input, output }, amount);
    const [once, everyTime] = [await prepare('digits'), await prepare('digits-reload')];
    const { subject, peer } = await interleave(
      () => runLoad(scope, daemon, once),
      () => runLoad(scope, daemon, everyTime),
    );
    findings.push({
      kind: 'compared',
      what: `${what} of ${picture}, ${amount.inFlight} in flight`,
      unit,
      subject: { name: 'built once', values: subject.map(value) },
      peer: { name: 'built in every call', values: peer.map(value) },
    });
  }
  return findings;
}

/** Both functions must do the same. Resolves with the answer. */
async function sameAnswer(scope: Scope, daemon: Server, picture: Uint8Array): Promise<Uint8Array> {
  const output = await callOnce(scope, daemon, 'digits', picture);
  const other = await callOnce(scope, daemon, 'digits-reload', picture);
  if (Buffer.compare(output, other) === 0) return output;
  throw new DcfError('INTERNAL', `digits answered ${Buffer.from(output)}, digits-reload ${Buffer.from(other)}`);
}

/** A package has to have its model inside: the two functions are laid out as in the repository, with a copy of it. */
async function makeReloadFolder(scope: Scope): Promise<string> {
  const copy = await temporaryFolder(scope);
  const [digits, variant] = ['functions/digits', 'bench/functions/digits-reload'];
  for (const folder of [digits, variant]) await cp(repositoryPath(folder), join(copy, folder), { recursive: true });
  await cp(repositoryPath(`${digits}/model.onnx`), join(copy, variant, 'model.onnx'));
  return join(copy, variant);
}
