import { DcfError } from '@dcf/sdk/errors';
import { repositoryPath, temporaryFolder } from './paths.js';
import { runProcess, startProcess } from './processes.js';
import type { Scope } from './scope.js';

/** A server on loopback that takes calls of dcf.v1.Functions/Invoke. */
export interface Server {
  pid: number;
  port: number;
  /** For the SDK. */
  url: string;
  /** Milliseconds from its start until it said that it is ready. */
  readyMs: number;
}

/** How a daemon is started. */
export interface DaemonStart {
  /** Variables that it alone gets. */
  environment?: Readonly<Record<string, string>>;
  /** What runs it. @default dcfd by its own first line */
  program?: readonly [string, ...string[]];
}

const asUsersDo = [repositoryPath('dist/src/daemon/main.js')] as const;

/** A daemon that sends no worker a call before there is a slot for it. */
export const withoutAhead = [
  process.execPath,
  '--initial-old-space-size=128',
  '--expose-gc',
  repositoryPath('dist/bench/daemon-without-ahead.js'),
] as const;

/**
 * Starts the daemon as its users do, by its own first line, without any setting but its ports, with an empty data directory.
 * Both go with the scope.
 */
export async function startDaemon(scope: Scope, { environment = {}, program = asUsersDo }: DaemonStart = {}): Promise<Server> {
  const data = await temporaryFolder(scope);
  const argv = [...program, '--data', data, '--grpc', '127.0.0.1:0', '--http', '127.0.0.1:0', '--log-level', 'warn'] as const;
  const { pid, lines, readyMs } = await startProcess(scope, 'dcfd', argv, (line) => line === 'dcfd is ready', environment);
  return { pid, readyMs, ...addressIn(lines, / listens on \S+:(\d+)$/) };
}

/** Starts the bare echo server of grpc-js, the peer of most benchmarks. It goes with the scope. */
export async function startBareServer(scope: Scope): Promise<Server> {
  return await startPortServer(scope, 'the bare server', [process.execPath, repositoryPath('dist/bench/bare-server.js')]);
}

/** Starts a server that writes its port on loopback as a line once it listens. It goes with the scope. */
export async function startPortServer(scope: Scope, name: string, argv: readonly [string, ...string[]]): Promise<Server> {
  const { pid, lines, readyMs } = await startProcess(scope, name, argv, (line) => /^\d+$/.test(line));
  return { pid, readyMs, ...addressIn(lines, /^(\d+)$/) };
}

/** Runs a `dcf` command against a daemon, to its end. Throws a DcfError INTERNAL with its message when it fails. */
export async function runCommand(scope: Scope, argv: readonly string[], { url }: Server): Promise<string> {
  return await runProcess(scope, `dcf ${argv.join(' ')}`, [repositoryPath('dist/src/bin/dcf.js'), ...argv], { DCF_URL: url });
}

function addressIn(lines: readonly string[], pattern: RegExp): { port: number; url: string } {
  for (const line of lines) {
    const port = Number(pattern.exec(line)?.[1]);
    if (port > 0) return { port, url: `127.0.0.1:${port}` };
  }
  throw new DcfError('INTERNAL', `no line names the port: ${lines.join(' / ')}`);
}
