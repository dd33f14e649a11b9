// The peer of the benchmark "ahead": the daemon, but for that no worker is sent a call before it has a slot for it.

import { readCommand } from '../src/daemon/config.js';
import { Daemon } from '../src/daemon/daemon.js';
import { createDaemonLog } from '../src/telemetry/daemon-log.js';

const command = readCommand(process.argv.slice(2), process.env);
if (command.kind !== 'run') throw new Error('it takes the settings of dcfd');
const { settings } = command;
const daemon = await Daemon.start(settings, await createDaemonLog({ level: settings.logLevel }), false);
process.stdout.write(`dcfd listens on ${daemon.address}\ndcfd is ready\n`);
process.once('SIGTERM', () => void daemon.stop().then(() => process.exit(0)));
