import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DcfError } from '@dcf/sdk/errors';
import type { Benchmark } from '../benchmark.js';
import { callOnce, deployFolder } from '../harness/calls.js';
import type { Finding, Side } from '../harness/finding.js';
import { type LoadResult, prepareLoad, runLoad } from '../harness/h2load.js';
import { repositoryPath, temporaryFolder } from '../harness/paths.js';
import { interleave, type Rounds } from '../harness/rounds.js';
import type { Scope } from '../harness/scope.js';
import { type Server, startDaemon } from '../harness/servers.js';

const loads = [
  { calls: 100, inFlight: 1 },
  { calls: 200, inFlight: 4 },
];

/** What building the model once is worth: functions/digits against the same function that builds it in every call. */
export const reload: Benchmark = {
  name: 'reload',
  title: 'digits with its model built once, against built in every call; one worker each, the same picture',
  run: async (scope) => {
    const daemon = await startDaemon(scope);
    await deployFolder(scope, daemon, repositoryPath('functions/digits'), [{ path: ['providers'], value: ['cpu'] }]);
    await deployFolder(scope, daemon, await makeReloadFolder(scope));
    const picture = await readFile(repositoryPath('functions/digits/examples/8-felt-pen.jpg'));
    const output = await sameAnswer(scope, daemon, picture);
    const findings: Finding[] = [];
    for (const amount of loads) {
      const prepare = (name: string) => prepareLoad(scope, { function: name, input: picture, output }, amount);
      const [once, everyTime] = [await prepare('digits'), await prepare('digits-reload')];
      const results = await interleave(
        () => runLoad(scope, daemon, once),
        () => runLoad(scope, daemon, everyTime),
      );
      findings.push(...describe(results, amount.inFlight));
    }
    return findings;
  },
};

/** Both functions must do the same. Resolves with the answer. */
async function sameAnswer(scope: Scope, daemon: Server, picture: Uint8Array): Promise<Uint8Array> {
  const output = await callOnce(scope, daemon, 'digits', picture);
  const other = await callOnce(scope, daemon, 'digits-reload', picture);
  if (Buffer.compare(output, other) === 0) return output;
  throw new DcfError('INTERNAL', `digits answered ${Buffer.from(output)}, digits-reload ${Buffer.from(other)}`);
}

function describe({ subject, peer }: Rounds<LoadResult>, inFlight: number): Finding[] {
  const finding = (what: string, unit: string, value: (result: LoadResult) => number): Finding => {
    const side = (name: string, results: readonly LoadResult[]): Side => ({ name, values: results.map(value) });
    const [once, everyTime] = [side('built once', subject), side('built in every call', peer)];
    return { kind: 'compared', what: `${what}, ${inFlight} in flight`, unit, subject: once, peer: everyTime };
  };
  return [
    finding('throughput', 'calls a second', (result) => result.callsPerSecond),
    finding('median latency', 'milliseconds', (result) => result.latencyMs),
  ];
}

/** A package has to have its model inside: the two functions are laid out as in the repository, with a copy of it. */
async function makeReloadFolder(scope: Scope): Promise<string> {
  const copy = await temporaryFolder(scope);
  const [digits, variant] = ['functions/digits', 'bench/functions/digits-reload'];
  for (const folder of [digits, variant]) await cp(repositoryPath(folder), join(copy, folder), { recursive: true });
  await cp(repositoryPath(`${digits}/model.onnx`), join(copy, variant, 'model.onnx'));
  return join(copy, variant);
}
