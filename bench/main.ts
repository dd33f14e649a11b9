// Runs the benchmarks: all of them, or those that are named. Exit codes: 0 every limit is kept, 1 one is missed or a
// benchmark could not be run, 2 bad usage.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { DcfError, messageOf } from '@dcf/sdk/errors';
import type { Benchmark, Effort } from './benchmark.js';
import { against } from './benchmarks/against.js';
import { ahead } from './benchmarks/ahead.js';
import { batching } from './benchmarks/batching.js';
import { coldStart } from './benchmarks/cold-start.js';
import { commandLine } from './benchmarks/command-line.js';
import { deployLoad } from './benchmarks/deploy-load.js';
import { digits } from './benchmarks/digits.js';
import { echo } from './benchmarks/echo.js';
import { idle } from './benchmarks/idle.js';
import { latency } from './benchmarks/latency.js';
import { nested } from './benchmarks/nested.js';
import { overload } from './benchmarks/overload.js';
import { payload } from './benchmarks/payload.js';
import { python } from './benchmarks/python.js';
import { reload } from './benchmarks/reload.js';
import { start } from './benchmarks/start.js';
import { stream } from './benchmarks/stream.js';
import { wire } from './benchmarks/wire.js';
import { judge } from './harness/finding.js';
import { describeMachine } from './harness/machine.js';
import { describeFinding, describeMachineLine, writeResults } from './harness/report.js';
import { withScope } from './harness/scope.js';

const all: readonly Benchmark[] = [
  start,
  commandLine,
  idle,
  echo,
  latency,
  nested,
  payload,
  python,
  reload,
  digits,
  batching,
  ahead,
  coldStart,
  deployLoad,
  overload,
  stream,
  wire,
];
const badUsage = 2;

interface Choice extends Effort {
  benchmarks: readonly Benchmark[];
}

/**
 * The benchmarks that the arguments name, all of them for none; with `--against FOLDER` the one against that checkout.
 * Throws a DcfError INVALID_ARGUMENT for another name, and for `--quick` with one that knows no quick run.
 */
function choose(argv: readonly string[]): Choice {
  const { positionals, values } = readArguments(argv);
  const benchmarks = benchmarksOf(positionals, values.against);
  const slow = values.quick ? benchmarks.find(({ canBeQuick }) => canBeQuick !== true) : undefined;
  if (slow === undefined) return { benchmarks, quick: values.quick };
  const quick = all.filter(({ canBeQuick }) => canBeQuick === true).map(({ name }) => name);
  throw new DcfError('INVALID_ARGUMENT', `there is no quick run of "${slow.name}"; name one that has it: ${quick.join(', ')}`);
}

function benchmarksOf(positionals: readonly string[], checkout: string | undefined): readonly Benchmark[] {
  const names = all.map((benchmark) => benchmark.name);
  const unknown = positionals.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new DcfError('INVALID_ARGUMENT', `there is no benchmark "${unknown}"; there are: ${names.join(', ')}`);
  const named = all.filter((benchmark) => positionals.includes(benchmark.name));
  if (checkout !== undefined) return [...named, against(resolve(checkout))];
  return positionals.length === 0 ? all : named;
}

function readArguments(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: { against: { type: 'string' }, quick: { type: 'boolean', default: false } },
    });
  } catch (error) {
    throw new DcfError('INVALID_ARGUMENT', `${messageOf(error)}; usage: npm run bench -- [NAME…] [--quick] [--against FOLDER]`, {
      cause: error,
    });
  }
}

/** Whether every limit was kept. */
async function run(benchmark: Benchmark, effort: Effort, signal: AbortSignal): Promise<boolean> {
  const machine = await describeMachine(signal);
  console.log(`\n${benchmark.name}: ${benchmark.title}\n  ${describeMachineLine(machine)}`);
  const judged = (await withScope(signal, (scope) => benchmark.run(scope, effort))).map(judge);
  for (const each of judged) console.log(describeFinding(each));
  console.log(`  ${await writeResults(benchmark.name, machine, judged)}`);
  return judged.every((each) => each.verdict !== 'miss');
}

async function runAll({ benchmarks, ...effort }: Choice, signal: AbortSignal): Promise<boolean> {
  const failed: string[] = [];
  for (const benchmark of benchmarks) {
    try {
      if (!(await run(benchmark, effort, signal))) failed.push(benchmark.name);
    } catch (error) {
      signal.throwIfAborted();
      failed.push(benchmark.name);
      console.error(
        `  ${benchmark.name} could not be run: ${DcfError.is(error) || !(error instanceof Error) ? messageOf(error) : error.stack}`,
      );
    }
  }
  console.log(failed.length === 0 ? '\nevery limit is kept' : `\nmissed or not run: ${failed.join(', ')}`);
  return failed.length === 0;
}

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => interrupted.abort(new DcfError('CANCELLED', `ended by ${signal}: what was started has been stopped`)));
}
try {
  process.exitCode = (await runAll(choose(process.argv.slice(2)), interrupted.signal)) ? 0 : 1;
} catch (error) {
  console.error(`bench: ${messageOf(error)}`);
  process.exitCode = DcfError.is(error) && error.code === 'INVALID_ARGUMENT' ? badUsage : 1;
}
