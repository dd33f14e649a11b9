import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';
import { requireH2load } from './h2load.js';
import { repositoryPath } from './paths.js';

/** Where and with what the figures were taken. */
export interface Machine {
  cpu: string;
  cores: number;
  /** GiB. */
  memory: number;
  system: string;
  /** Processes that wanted to run before the benchmark began, on average of the last minute. */
  loadAverage: number;
  /** By name: node, V8 and the packages that the figures depend on. */
  versions: Readonly<Record<string, string>>;
}

const packages = ['@grpc/grpc-js', 'onnxruntime-node', 'sharp'];

/** Looks at this machine as it is now. */
export async function describeMachine(signal: AbortSignal): Promise<Machine> {
  const installed = await Promise.all(packages.map(async (name) => [name, await packageVersion(`node_modules/${name}`)] as const));
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memory: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    loadAverage: loadavg()[0] ?? 0,
    versions: {
      dcf: await packageVersion('.'),
      node: process.versions.node,
      v8: process.versions.v8,
      ...Object.fromEntries(installed),
      h2load: await requireH2load(signal).catch(() => 'not installed'),
    },
  };
}

async function packageVersion(folder: string): Promise<string> {
  const content: unknown = JSON.parse(await readFile(repositoryPath(`${folder}/package.json`), 'utf8'));
  return typeof content === 'object' && content !== null && 'version' in content ? String(content.version) : 'unknown';
}
