import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Client, type ClientOptions } from '@dcf/sdk';
import { ControlClient } from '@dcf/sdk/control';
import { cleanUp, type Owner, temporaryDirectory } from './cleanup.js';
import { eventually, processesIn } from './processes.js';
import { built, cleanEnvironment } from './programs.js';

export interface DaemonSettings {
  /** More arguments of dcfd. */
  args?: readonly string[];
  environment?: Readonly<Record<string, string>>;
  /** The data directory of a daemon before; a new one otherwise. */
  data?: string;
  token?: string;
  /** How its clients have to connect. @default without TLS */
  tls?: ClientOptions['tls'];
}

/** How a process ended: its exit code, or the signal that ended it. */
export type Ended = number | NodeJS.Signals;

/** A real dcfd in a process of its own. */
export interface TestDaemon {
  url: string;
  port: number;
  /** Where it serves HTTP: `http://127.0.0.1:PORT`. */
  http: string;
  pid: number;
  data: string;
  /** All that it has written. */
  log: () => string;
  client: Client;
  control: ControlClient;
  ended: Promise<Ended>;
  /** Sends the signal, and resolves with how it ended when none of its processes is left. The first call counts. */
  stop: (signal?: NodeJS.Signals) => Promise<Ended>;
}

/** A dcfd that may not come up: what it writes, and how it ends. */
export interface DaemonProcess {
  child: ChildProcess;
  log: () => string;
  ended: Promise<Ended>;
  /** Resolves with the match once it has written it; rejects with its log when it ends before. */
  wrote: (pattern: RegExp) => Promise<RegExpExecArray>;
}

const children = new Set<ChildProcess>();
// A test file that is ended by its time limit runs no other clean-up.
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
process.once('SIGTERM', () => process.exit(1));

/** Runs dcfd with these arguments and nothing else. It is killed at the latest when its owner ends. */
export function runDaemon(
  owner: Owner,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  user: { uid?: number; gid?: number } = {},
): DaemonProcess {
  const child = spawn(process.execPath, [join(built, 'daemon/main.js'), ...args], {
    ...user,
    stdio: ['ignore', 'pipe', 'pipe'],
    // The default port can be had once only.
    env: { ...cleanEnvironment(), DCF_HTTP: '127.0.0.1:0', ...environment },
  });
  children.add(child);
  let text = '';
  const checks = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (data: string) => {
      text += data;
      for (const check of checks) check();
    });
  }
  const ended = once(child, 'close').then((): Ended => {
    children.delete(child);
    return child.exitCode ?? child.signalCode ?? -1;
  });
  cleanUp(owner, async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const wrote = async (pattern: RegExp): Promise<RegExpExecArray> => {
    const found = new Promise<RegExpExecArray>((resolve) => {
      const check = (): void => {
        const match = pattern.exec(text);
        if (match === null) return;
        checks.delete(check);
        resolve(match);
      };
      checks.add(check);
      check();
    });
    const early = ended.then((how) => {
      const match = pattern.exec(text);
      if (match !== null) return match;
      throw new Error(`dcfd ended (${how}) and never wrote ${pattern}:\n${text}`);
    });
    return await Promise.race([found, early]);
  };
  return { child, log: () => text, ended, wrote };
}

/**
 * Starts dcfd on any free port and resolves when it listens; it is `restored` when it has written so. With its owner it goes,
 * and it is an error when a process of it is left.
 */
export async function startDaemon(owner: Owner, settings: DaemonSettings = {}): Promise<TestDaemon> {
  const data = settings.data ?? join(await temporaryDirectory(owner), 'data');
  const { token, tls } = settings;
  const given = settings.args ?? [];
  // Many tests count processes: none is to stay for a rollback unless a test says so.
  const args = given.includes('--keep-warm') ? given : ['--keep-warm', '0s', ...given];
  const environment: Readonly<Record<string, string>> = { ...settings.environment, ...(token === undefined ? {} : { DCF_TOKEN: token }) };
  const { child, log, ended, wrote } = runDaemon(owner, ['--data', data, '--grpc', '127.0.0.1:0', ...args], environment);
  const [, url = ''] = await wrote(/listens on (\S+)\n/);
  const [, http = ''] = environment['DCF_HTTP'] === 'off' ? [] : await wrote(/serves HTTP on (\S+)\n/);
  // A function that fails at the start keeps "is ready" from being written; then the log says so.
  await wrote(/dcfd is ready\n|could not be started again|is not served/);
  const options = { token, tls };
  const client = new Client(url, options);
  const control = new ControlClient(url, options);
  const end = async (signal: NodeJS.Signals): Promise<Ended> => {
    client.close();
    control.close();
    child.kill(signal);
    const how = await ended;
    await eventually(`no process is left of the daemon\n${log()}`, () => processesIn(data).length === 0);
    return how;
  };
  let ending: Promise<Ended> | undefined;
  const stop = (signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended> => {
    ending ??= end(signal);
    return ending;
  };
  cleanUp(owner, async () => void (await stop()));
  return { url, port: Number(url.split(':').at(-1)), http, pid: child.pid ?? 0, data, log, client, control, ended, stop };
}
