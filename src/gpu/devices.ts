import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { formatSize } from '@dcf/sdk/units';
import { errorCode, messageOf } from '../core/errors.js';

/** A GPU of this host. */
export interface Device {
  /** Its number as in `CUDA_VISIBLE_DEVICES`. */
  readonly index: number;
  readonly name: string;
  /** Its memory in bytes; 0 when the driver does not tell. */
  readonly memory: number;
  readonly driver: string;
  /** `GPU-` and 36 characters. */
  readonly uuid: string;
}

type Answer = { found: true; devices: readonly Device[] } | { found: false; reason: string };

const run = promisify(execFile);
const question = ['--query-gpu=index,name,memory.total,driver_version,uuid', '--format=csv,noheader,nounits'];
/** The longest wait for nvidia-smi: a driver that hangs must not stop the daemon. */
const timeLimitMs = 10_000;

/**
 * The NVIDIA GPUs of this host; none without a driver.
 *
 * @param environment - the environment, with the PATH for nvidia-smi. @default this process's
 */
export async function listDevices(environment: NodeJS.ProcessEnv = process.env): Promise<readonly Device[]> {
  const answer = await ask(environment);
  return answer.found ? answer.devices : [];
}

/**
 * The devices that this process may use. `CUDA_VISIBLE_DEVICES` names them by number, or by the beginning of their UUID.
 * https://docs.nvidia.com/cuda/cuda-c-programming-guide/index.html#cuda-environment-variables
 *
 * @param allowed - the daemon's own `CUDA_VISIBLE_DEVICES`
 */
export function visibleDevices(devices: readonly Device[], allowed: string | undefined): readonly Device[] {
  if (allowed === undefined) return devices;
  const visible: Device[] = [];
  for (const entry of allowed.split(',').map((text) => text.trim())) {
    const found = devices.find(({ index, uuid }) => entry === String(index) || (entry.startsWith('GPU-') && uuid.startsWith(entry)));
    // As in CUDA, entries after an invalid one are ignored.
    if (found === undefined) break;
    visible.push(found);
  }
  return visible;
}

/** A device in one line. */
export function describeDevice({ index, name, memory }: Device): string {
  return `${index}: ${name}${memory === 0 ? '' : `, ${formatSize(memory)}`}`;
}

/** The driver and its devices in one line, or why there are none. */
export async function describeDriver(environment: NodeJS.ProcessEnv = process.env): Promise<string> {
  const answer = await ask(environment);
  if (!answer.found) return answer.reason;
  const [first] = answer.devices;
  if (first === undefined) return 'the NVIDIA driver is installed, but it has no device';
  return `NVIDIA driver ${first.driver}, ${answer.devices.length === 1 ? '1 device' : `${answer.devices.length} devices`}`;
}

async function ask(environment: NodeJS.ProcessEnv): Promise<Answer> {
  try {
    const { stdout } = await run('nvidia-smi', question, { env: environment, timeout: timeLimitMs, killSignal: 'SIGKILL' });
    return { found: true, devices: stdout.split('\n').flatMap(parseLine) };
  } catch (error) {
    return { found: false, reason: reasonOf(error) };
  }
}

/** One line of `nvidia-smi --format=csv,noheader,nounits`, memory in MiB: `0, NVIDIA H200, 143771, 570.86.15, GPU-…`. */
function parseLine(line: string): Device[] {
  const [index = '', name = '', mebibytes = '', driver = '', uuid = ''] = line.split(',').map((field) => field.trim());
  if (!/^\d+$/.test(index) || name === '') return [];
  return [{ index: Number(index), name, memory: /^\d+$/.test(mebibytes) ? Number(mebibytes) * 2 ** 20 : 0, driver, uuid }];
}

function reasonOf(error: unknown): string {
  if (errorCode(error) === 'ENOENT') return 'nvidia-smi is not installed, so there is no NVIDIA driver on this host';
  if (error instanceof Error && 'killed' in error && error.killed === true) {
    return `nvidia-smi did not answer within ${timeLimitMs / 1000} s`;
  }
  const said = outputOf(error).trim().split('\n')[0] ?? '';
  return `nvidia-smi failed: ${said === '' ? messageOf(error) : said}`;
}

/** The output of a failed nvidia-smi, which writes its errors to stdout. */
function outputOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  const stdout: unknown = Reflect.get(error, 'stdout');
  const stderr: unknown = Reflect.get(error, 'stderr');
  return `${typeof stdout === 'string' ? stdout : ''}\n${typeof stderr === 'string' ? stderr : ''}`;
}
