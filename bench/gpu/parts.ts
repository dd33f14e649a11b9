import { DcfError } from '@dcf/sdk/errors';
import type { Override } from '@dcf/sdk/manifest';
import { repositoryPath } from '../harness/paths.js';
import { runProcess } from '../harness/processes.js';
import type { Scope } from '../harness/scope.js';
import { CheckDaemon } from './daemon.js';
import type { Host, Runtime } from './host.js';
import { killReplica } from './kill.js';
import { type LoadFigures, runLoad } from './load.js';
import { classifierFolder, type MeasuredModel } from './models.js';
import type { CheckOptions } from './options.js';
import { type Placement, readPlacement } from './placed.js';
import type { Steps } from './steps.js';

export interface Measuring {
  steps: Steps;
  options: CheckOptions;
  host: Host;
  models: readonly MeasuredModel[];
  signal: AbortSignal;
}

const inFlight = [1, 32];
const minute = 60_000;
/** So small a share of the largest score may come from another order of additions, or from TF32. */
const tolerance = 0.02;
const firstOfCpu = new Map<string, readonly number[]>();

/** Everything that is measured of one execution provider of ONNX Runtime. */
export async function measureProvider(measuring: Measuring, provider: 'cpu' | 'webgpu' | 'cuda', runtime: Runtime): Promise<void> {
  const { steps, host, models, signal } = measuring;
  for (const model of models) {
    await steps.run(`${provider}/raw/${model.name}`, minute, async (scope) => await rawSession(scope, measuring, model, provider, runtime));
  }
  const daemon = new CheckDaemon(signal, host.environment(runtime));
  for (const model of models) {
    await steps.run(
      `${provider}/${model.name}`,
      2 * minute,
      async (scope) => await throughDaemon(scope, measuring, daemon, model, provider),
    );
  }
  await steps.run(`${provider}/together`, minute, async (scope) => {
    const { client, control } = await daemon.connect(scope);
    const loads = models.map(({ name, input }) => ({ name, input, onCard: provider !== 'cpu' }));
    return await together(measuring, { client, control }, loads, scope);
  });
  const heavy = models.at(-1);
  await steps.run(`${provider}/kill`, 1.5 * minute, async (scope) => {
    if (heavy === undefined) throw new DcfError('INTERNAL', 'there is no model');
    return await killReplica(await daemon.connect(scope), { name: heavy.name, input: heavy.input, signal: scope.signal });
  });
  await steps.run(`${provider}/end`, minute, async () => {
    await daemon.end();
    return {};
  });
}

/** A PyTorch function on the card, alone and beside the ONNX model with one of these providers. */
export async function measureTorch(measuring: Measuring, beside: 'cuda' | 'webgpu' | 'cpu', runtime: Runtime): Promise<void> {
  const { steps, host, models, options, signal } = measuring;
  const daemon = new CheckDaemon(signal, host.environment(runtime));
  const classifier = await steps.run('torch/deploy', 2 * minute, async (scope) => {
    const { deploy } = await daemon.connect(scope);
    const own = await classifierFolder(scope);
    await deploy(own.folder, [set(['initTimeout'], '90s')]);
    return { input: Buffer.from(own.input).toString('base64') };
  });
  if (classifier !== undefined) {
    const load = { name: 'python-classifier', input: Buffer.from(classifier.input, 'base64'), onCard: host.python?.seesCuda === true };
    await steps.run('torch/classifier', minute, async (scope) => {
      const { client, control } = await daemon.connect(scope);
      const loads = await inTurn(options, client, load, scope.signal);
      return { loads, placement: await readPlacement(control, load.name, load.onCard, scope.signal) };
    });
    const other = models.at(-1);
    await steps.run(`torch/together-with-${beside}`, 1.5 * minute, async (scope) => {
      if (other === undefined) throw new DcfError('INTERNAL', 'there is no model');
      const { client, control, deploy } = await daemon.connect(scope);
      await deploy(other.folder, [...other.overrides, set(['providers'], [beside])]);
      return await together(
        measuring,
        { client, control },
        [load, { name: other.name, input: other.input, onCard: beside !== 'cpu' }],
        scope,
      );
    });
    await steps.run('torch/kill', 1.5 * minute, async (scope) => {
      return await killReplica(await daemon.connect(scope), { ...load, signal: scope.signal });
    });
  }
  await steps.run('torch/end', minute, async () => {
    await daemon.end();
    return {};
  });
}

/** One session in a process of its own, and how far its answers are from the CPU's. */
async function rawSession(scope: Scope, { options, host }: Measuring, model: MeasuredModel, provider: string, runtime: Runtime) {
  const numbers = [options.seconds, model.side, model.channels, model.maxBatch].map(String);
  const argv = [repositoryPath('dist/bench/gpu/raw-session.js'), model.model, provider, ...numbers];
  const said: unknown = JSON.parse(await runProcess(scope, 'the session', argv, host.environment(runtime)));
  if (typeof said !== 'object' || said === null || !('first' in said) || !Array.isArray(said.first)) {
    throw new DcfError('INTERNAL', 'the session gave no figures');
  }
  const first = said.first.map(Number);
  if (provider === 'cpu') firstOfCpu.set(model.name, first);
  const reference = firstOfCpu.get(model.name);
  if (reference === undefined) return { ...said };
  const largest = Math.max(...reference.map(Math.abs));
  const difference = Math.max(...reference.map((value, index) => Math.abs(value - (first[index] ?? Number.NaN)))) / largest;
  if (!(difference <= tolerance))
    throw new DcfError('INTERNAL', `its answer is wrong: ${first.join(', ')} where the CPU has ${reference.join(', ')}`);
  return { ...said, differenceFromCpu: difference };
}

/** A function with batches and without, with one call in flight and with many. */
async function throughDaemon(scope: Scope, { options }: Measuring, daemon: CheckDaemon, model: MeasuredModel, provider: string) {
  const { client, control, deploy } = await daemon.connect(scope);
  const loads: (LoadFigures & { maxBatch: number })[] = [];
  let placement: Placement | undefined;
  for (const maxBatch of [1, model.maxBatch]) {
    await deploy(model.folder, [...model.overrides, set(['providers'], [provider]), set(['batch', 'maxSize'], maxBatch)]);
    for (const figures of await inTurn(options, client, model, scope.signal)) loads.push({ ...figures, maxBatch });
    placement = await readPlacement(control, model.name, provider !== 'cpu', scope.signal);
  }
  return { loads, placement };
}

async function inTurn(
  { seconds }: CheckOptions,
  client: Parameters<typeof runLoad>[0],
  { name, input }: { name: string; input: Uint8Array },
  signal: AbortSignal,
): Promise<LoadFigures[]> {
  const loads: LoadFigures[] = [];
  for (const each of inFlight) loads.push(await runLoad(client, { name, input, inFlight: each, seconds, signal }));
  return loads;
}

/** Two functions at the same time, and where each of them is. */
async function together(
  { options }: Measuring,
  { client, control }: Pick<Awaited<ReturnType<CheckDaemon['connect']>>, 'client' | 'control'>,
  functions: readonly { name: string; input: Uint8Array; onCard: boolean }[],
  { signal }: Scope,
) {
  const { seconds } = options;
  const loads = await Promise.all(functions.map(({ name, input }) => runLoad(client, { name, input, inFlight: 16, seconds, signal })));
  const placements: Placement[] = [];
  for (const { name, onCard } of functions) placements.push(await readPlacement(control, name, onCard, signal));
  return { functions: functions.map(({ name }, index) => ({ name, load: loads[index], placement: placements[index] })) };
}

function set(path: string[], value: Override['value']): Override {
  return { path, value };
}
