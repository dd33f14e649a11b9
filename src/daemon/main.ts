#!/usr/bin/env -S node --initial-old-space-size=128 --expose-gc
// The flags keep V8 from full garbage collections while bodies of some megabytes are in flight, and let streams free their memory:
// see docs/decisions/0009-buffers-are-reused-and-v8-is-told.md.
import { DcfError, errorCode, messageOf, stackOf } from '../core/errors.js';
import { projectVersion } from '../core/version.js';
import { createDaemonLog } from '../telemetry/daemon-log.js';
import { helpText, readCommand } from './config.js';
import { Daemon } from './daemon.js';
import type { Settings } from './settings.js';

const badUsage = 2;

/** Handles a stdout that cannot be written, such as on a full disk. A closed pipe (EPIPE) is no problem. */
let onOutputProblem = (problem: string): void => {
  process.stderr.write(`dcfd: ${problem}\n`);
  process.exit(1);
};
process.stdout.on('error', (error) => {
  if (errorCode(error) !== 'EPIPE') onOutputProblem(`stdout cannot be written: ${messageOf(error)}`);
});
process.stderr.on('error', () => undefined);

try {
  const command = readCommand(process.argv.slice(2), process.env);
  if (command.kind === 'help') process.stdout.write(helpText());
  else if (command.kind === 'version') process.stdout.write(`dcfd ${projectVersion()}\n`);
  else await run(command.settings);
} catch (error) {
  process.stderr.write(`dcfd: ${DcfError.is(error) ? error.message : stackOf(error) || messageOf(error)}\n`);
  process.exit(DcfError.is(error) && error.code === 'INVALID_ARGUMENT' ? badUsage : 1);
}

async function run(settings: Settings): Promise<void> {
  const log = await createDaemonLog({ level: settings.logLevel });
  onOutputProblem = (problem) => log.warn({}, `${problem}; the daemon continues`);
  // The token has been read. Without the variable, no process that is started later can see it.
  delete process.env['DCF_TOKEN'];
  const fault = (what: string) => (error: unknown) =>
    log.error({ what, stack: stackOf(error) || messageOf(error) }, 'internal error: the daemon made a mistake and continues');
  process.on('uncaughtException', fault('uncaught exception'));
  process.on('unhandledRejection', fault('unhandled rejection'));
  const daemon = await Daemon.start(settings, log);
  process.stdout.write(`dcfd ${projectVersion()} listens on ${daemon.address}\n`);
  if (daemon.httpAddress !== undefined) process.stdout.write(`dcfd serves HTTP on http://${daemon.httpAddress}\n`);
  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) process.exit(1);
    stopping = true;
    log.info({ signal }, 'stopping: calls in flight are finished, new ones are refused; a second signal ends the daemon at once');
    void daemon.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        fault('stop')(error);
        process.exit(1);
      },
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, stop);
  // Awaited after the signal handlers are there: starting the functions may take minutes, and a signal has to end that, too.
  await daemon.restored;
  if (daemon.ready) process.stdout.write('dcfd is ready\n');
}
