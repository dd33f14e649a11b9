import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readlink } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import type { ProviderName } from '@dcf/sdk/manifest';
import { startTimer } from '../core/deadline.js';
import { DcfError, messageOf } from '../core/errors.js';
import { probeModel, probeOutput } from './probe-model.js';
import { explainFailure, holdsGpu } from './probe-reason.js';

/** The result of a probe of one execution provider of ONNX Runtime. */
export interface ProviderProbe {
  readonly name: ProviderName;
  readonly usable: boolean;
  /** For people: why it cannot be used, or how the probe went. */
  readonly detail: string;
}

export interface ProbeOptions {
  /** Milliseconds for each provider, after which its process is killed. @default 20 s */
  timeLimitMs?: number;
  /** The module that runs in the process; replaced in tests. */
  entry?: string;
}

/** The message from a probe's process. */
type Report = { usable: true; detail: string } | { usable: false; message: string };

/** Every provider that a manifest can name, the fastest first. */
const allProviders: readonly ProviderName[] = ['tensorrt', 'cuda', 'webgpu', 'cpu'];
const probeEntry = fileURLToPath(new URL('probe-main.js', import.meta.url));
const maxLogLength = 64 * 1024;

/**
 * Tries execution providers. Each has a process of its own, because a driver may crash or hang, and they run one after the other, because
 * two at once may not fit on a device. Never rejects: an error is in the `detail`.
 */
export async function probeProviders(
  names: readonly ProviderName[] = allProviders,
  { timeLimitMs = 20_000, entry = probeEntry }: ProbeOptions = {},
): Promise<readonly ProviderProbe[]> {
  const probes: ProviderProbe[] = [];
  for (const name of names) probes.push({ name, ...(await probe(name, timeLimitMs, entry)) });
  return probes;
}

async function probe(name: ProviderName, timeLimitMs: number, entry: string): Promise<Omit<ProviderProbe, 'name'>> {
  // Without this, ONNX Runtime sends telemetry to its vendor.
  const environment = { ...process.env, ORT_DISABLE_TELEMETRY: '1' };
  const child = fork(entry, [name], { execArgv: [], env: environment, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let report: Report | undefined;
  let log = '';
  let late = false;
  let failure: unknown;
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    if (log.length < maxLogLength) log += text;
  });
  // It is killed, because native code may crash or hang while it shuts down, and the answer is known.
  child.on('message', (message) => {
    if (isReport(message)) report = message;
    child.kill('SIGKILL');
  });
  child.on('error', (error) => {
    failure = error;
  });
  const cancelTimer = startTimer(timeLimitMs, () => {
    late = true;
    child.kill('SIGKILL');
  });
  const [code, signal]: unknown[] = await once(child, 'close').catch((error: unknown) => [messageOf(error)]);
  cancelTimer();
  if (report?.usable === true) return report;
  if (report !== undefined) return { usable: false, detail: explainFailure(name, report.message, log) };
  if (late) return { usable: false, detail: `no answer within ${timeLimitMs / 1000} s` };
  if (failure !== undefined) return { usable: false, detail: `no process could be started: ${messageOf(failure)}` };
  const end = typeof signal === 'string' ? `signal ${signal}` : `exit code ${String(code)}`;
  return { usable: false, detail: `its process crashed (${end})${lastLine(log)}` };
}

function lastLine(log: string): string {
  const line = log.trimEnd().split('\n').at(-1) ?? '';
  return line === '' ? '' : `: ${line}`;
}

function isReport(message: unknown): message is Report {
  if (typeof message !== 'object' || message === null || !('usable' in message)) return false;
  if (message.usable === true) return 'detail' in message && typeof message.detail === 'string';
  return message.usable === false && 'message' in message && typeof message.message === 'string';
}

/**
 * Creates a session of a tiny model with one execution provider, and runs it. To be called in a process that may crash.
 *
 * With `session.disable_cpu_ep_fallback` (onnxruntime_session_options_config_keys.h) the session fails when any node of the
 * model would silently run on the CPU instead.
 */
export async function probeInThisProcess(name: string): Promise<Report> {
  try {
    const { InferenceSession, Tensor, env } = await import('onnxruntime-node');
    const started = performance.now();
    const session = await InferenceSession.create(Buffer.from(probeModel, 'base64'), {
      executionProviders: [name],
      ...(name === 'cpu' ? {} : { extra: { session: { disable_cpu_ep_fallback: '1' } } }),
    });
    const { y } = await session.run({ x: new Tensor('float32', [1, 1], [1, 2]) });
    const result = y === undefined ? [] : Array.from(await y.getData(), Number);
    if (result.join() !== probeOutput.join()) {
      return { usable: false, message: `it computed [${result.join(', ')}] instead of [${probeOutput.join(', ')}]` };
    }
    if (name === 'webgpu' && process.platform === 'linux' && !holdsGpu(await openFiles())) {
      return { usable: false, message: 'WebGPU took a software adapter: it finds no GPU on this host' };
    }
    const milliseconds = Math.round(performance.now() - started);
    return {
      usable: true,
      detail: `ONNX Runtime ${env.versions.node ?? env.versions.common}: a first session ran after ${milliseconds} ms`,
    };
  } catch (error) {
    return { usable: false, message: messageOf(error) };
  }
}

async function openFiles(): Promise<string[]> {
  const links = await readdir('/proc/self/fd');
  return await Promise.all(links.map((link) => readlink(`/proc/self/fd/${link}`).catch(() => '')));
}

/**
 * Chooses the execution providers of a function: those of its list that work on this host, in the order of the list.
 *
 * @throws DcfError FAILED_PRECONDITION with the reason of each when none works
 */
export function chooseProviders(wanted: readonly ProviderName[], probes: readonly ProviderProbe[]): { chosen: ProviderName[] } {
  const chosen = [...new Set(wanted)].filter((name) => probes.some((probe) => probe.name === name && probe.usable));
  if (chosen.length > 0) return { chosen };
  const reasons = wanted.map((name) => `${name}: ${probes.find((probe) => probe.name === name)?.detail ?? 'was not tried'}`);
  throw new DcfError('FAILED_PRECONDITION', `none of the function's providers works on this host: ${reasons.join('; ')}`);
}
