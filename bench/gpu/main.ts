// Tries a host's GPU: which providers are usable, what they are worth, and whether what the daemon says of them is true. Prints JSON.
// Exit codes: 0 every step is done, 1 one failed, 2 bad usage.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DcfError, messageOf } from '@dcf/sdk/errors';
import { describeMachine } from '../harness/machine.js';
import { type Scope, withScope } from '../harness/scope.js';
import { runCommand, startDaemon } from '../harness/servers.js';
import { type Host, prepareHost, type Runtime } from './host.js';
import { prepareModels } from './models.js';
import { readCards } from './nvidia.js';
import { type CheckOptions, readOptions } from './options.js';
import { measureProvider, measureTorch } from './parts.js';
import { type StepResult, Steps } from './steps.js';

const minute = 60_000;

/** Runs the check. Resolves with the exit code; the JSON goes to stdout, and to the folder that OUT names. */
export async function main(argv: readonly string[]): Promise<number> {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort(new DcfError('CANCELLED', `it got ${name}`)));
  try {
    const options = readOptions(argv);
    const results = await withScope(stop.signal, async (scope) => await check(scope, options));
    return results.some(({ state }) => state === 'failed') ? 1 : 0;
  } catch (error) {
    console.error(`gpu-check: ${messageOf(error)}`);
    return DcfError.is(error) && error.code === 'INVALID_ARGUMENT' ? 2 : 1;
  }
}

async function check(scope: Scope, options: CheckOptions): Promise<readonly StepResult[]> {
  const started = new Date().toISOString();
  const say = ({ name, state, ms, detail }: StepResult): void => {
    console.error(`${state} ${name} ${ms} ms${detail === undefined ? '' : `: ${detail}`}`);
  };
  const steps = new Steps(options.limit * 1000, scope.signal, say);
  const host = await prepareHost(scope, options);
  const machine = await describeMachine(scope.signal);
  const found = await findUsable(steps, host, options);
  const models = await prepareModels(scope, options.quick);
  const measuring = { steps, options, host, models, signal: scope.signal };
  for (const provider of ['cpu', 'webgpu', 'cuda'] as const) {
    if (!options.only.includes(provider)) continue;
    const runtime = found.get(provider);
    if (runtime === undefined) steps.skip(provider, 'not usable here: see the steps doctor');
    else await measureProvider(measuring, provider, runtime);
  }
  if (options.only.includes('torch')) {
    const beside = (['cuda', 'webgpu'] as const).find((name) => options.only.includes(name) && found.has(name)) ?? 'cpu';
    if (host.python === undefined) steps.skip('torch', 'no Python here has PyTorch: name one with --python');
    else await measureTorch(measuring, beside, found.get(beside) ?? 'npm');
  }
  const { python, cudaFolders, lent } = host;
  const result = { started, options, machine, cards: await readCards(), host: { python, cudaFolders, lent }, steps: steps.results };
  const text = `${JSON.stringify(result)}\n`;
  const out = process.env['OUT'];
  if (out !== undefined && out !== '') await writeFile(join(out, `gpu-check-${options.only.join('-')}.json`), text);
  await new Promise((resolve) => process.stdout.write(text, resolve));
  return steps.results;
}

/** Which providers `dcf doctor` finds usable, each with the build of ONNX Runtime that it was found with first. */
async function findUsable(steps: Steps, host: Host, { cuda, only }: CheckOptions): Promise<Map<string, Runtime>> {
  const found = new Map<string, Runtime>();
  const runtimes: readonly Runtime[] = cuda === undefined ? ['npm'] : ['npm', 'wheel'];
  for (const runtime of runtimes) {
    if (runtime === 'wheel' && (found.has('cuda') || !only.includes('cuda'))) continue;
    const figures = await steps.run(`doctor/${runtime}`, 2 * minute, async (inner) => ({ checks: await doctor(inner, host, runtime) }));
    for (const { name, detail } of figures?.checks ?? []) {
      const provider = /^provider (\w+)$/.exec(name)?.[1];
      if (provider !== undefined && detail.startsWith('yes') && !found.has(provider)) found.set(provider, runtime);
    }
  }
  return found;
}

/** What `dcf doctor` says of a daemon that has what this host's processes get. */
async function doctor(scope: Scope, host: Host, runtime: Runtime): Promise<{ name: string; detail: string }[]> {
  const daemon = await startDaemon(scope, { environment: host.environment(runtime) });
  const said: unknown = JSON.parse(await runCommand(scope, ['doctor', '--json'], daemon));
  if (typeof said !== 'object' || said === null || !('checks' in said) || !Array.isArray(said.checks)) {
    throw new DcfError('INTERNAL', 'dcf doctor gave no checks');
  }
  return said.checks.map(({ name, state, detail }: Record<string, unknown>) => ({ name: String(name), state, detail: String(detail) }));
}
