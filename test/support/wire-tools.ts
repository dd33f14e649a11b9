import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { root } from './programs.js';

/** A program that others wrote, with which the gRPC server is tried. */
export interface WireTool {
  /** What to run; the mere name where it is not there. */
  path: string;
  /** Why it is not there, for a test to skip with; `false` where it is. */
  missing: string | false;
}

/** The programs that `npm run wire:tools` builds. */
export type BuiltTool = 'h2spec' | 'grpcurl' | 'grpc-health-probe' | 'interop-client' | 'interop-server';

/** The programs that come with the system, and on Debian the package that has each. */
const packages = { nghttp: 'nghttp2-client', h2load: 'nghttp2-client', curl: 'curl' } as const;

let built: Promise<Built> | undefined;

type Built = { kind: 'there'; paths: ReadonlyMap<string, string> } | { kind: 'missing'; reason: string };

/** Finds a program that others wrote in Go. The first who asks has all of them built, which takes some minutes once; others wait. */
export async function wireTool(name: BuiltTool): Promise<WireTool> {
  built ??= build();
  const tools = await built;
  if (tools.kind === 'missing') return { path: name, missing: tools.reason };
  const path = tools.paths.get(name);
  if (path === undefined) throw new Error(`scripts/wire-tools.mjs built no ${name}`);
  return { path, missing: false };
}

/** Finds a program of the system's own. */
export function systemTool(name: keyof typeof packages): WireTool {
  const { error } = spawnSync(name, ['--version'], { stdio: 'ignore' });
  return { path: name, missing: error === undefined ? false : `there is no ${name} (Debian: apt install ${packages[name]})` };
}

/**
 * Has the programs built before the tests begin, as several minutes of compiling would disturb them.
 *
 * @param onOutput - told what takes long, and why there are none
 */
export async function prepareWireTools(onOutput: (line: string) => void): Promise<void> {
  built ??= build(onOutput);
  await built;
}

async function build(onOutput: (line: string) => void = () => undefined): Promise<Built> {
  const script = join(root, 'scripts', 'wire-tools.mjs');
  const child = spawn(process.execPath, [script, '--for-tests'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let problem = '';
  child.stderr.setEncoding('utf8').on('data', (data: string) => {
    problem += data;
    onOutput(data.trimEnd());
  });
  const [out] = await Promise.all([text(child.stdout), once(child, 'close')]);
  if (child.exitCode !== 0) return { kind: 'missing', reason: problem.trim().split('\n').at(-1) ?? 'scripts/wire-tools.mjs failed' };
  return { kind: 'there', paths: new Map(out.split('\n').flatMap((line) => pairOf(line))) };
}

function pairOf(line: string): [string, string][] {
  const [name, path] = line.split('\t');
  return name === undefined || path === undefined ? [] : [[name, path]];
}
