import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { cleanUp, type Owner } from '../../../support/cleanup.js';
import { FaultClient } from '../../../support/faults/fault-client.js';
import { allowedLatenessMs, Ledger } from '../../../support/faults/ledger.js';
import type { DaemonScene } from '../../../support/faults/scene.js';
import { type RowLimits, type SectionSettings, Stage } from '../../../support/faults/stage.js';
import { deploySource, echoSource } from '../../../support/functions.js';
import { shutGate } from '../../../support/gate.js';
import { eventually, isAlive } from '../../../support/processes.js';

// Each test plays a row that breaks one rule of the matrix, and the frame has to say so.

const skip = process.platform === 'linux' ? false : 'needs /proc';
const impatient: RowLimits = { settleMs: 300 };

/** Plays a row on a daemon of its own that must be found at fault. */
async function caught(
  t: TestContext,
  problem: RegExp,
  play: (scene: DaemonScene) => Promise<void>,
  limits = impatient,
  settings: SectionSettings = {},
): Promise<void> {
  const stage = await Stage.open(t, { args: ['--drain-grace', '100ms'], ...settings });
  await assert.rejects(stage.play(t, play, limits), problem);
}

test('a row that keeps every rule passes', { skip }, async (t) => {
  const stage = await Stage.open(t, {});
  await stage.play(t, async (scene) => {
    await scene.deploy(echoSource);
    await scene.expect('hello', { code: 'OK', text: 'hello' });
  });
});

test('a row that fails itself is told, with what it left', { skip }, async (t) => {
  const lost = async (scene: DaemonScene): Promise<void> => {
    scene.ledger.begin('lost', 60_000);
    throw new Error('the row itself');
  };
  await caught(t, /call \d+ \(lost\) was never answered.*the row itself/s, lost);
});

test('a call that is answered twice is caught', { skip }, async (t) => {
  await caught(t, /was answered 2 times/, async ({ ledger }) => {
    const entry = ledger.begin('twice', 1_000);
    entry.settle();
    entry.settle();
  });
});

test('a call that is answered after its deadline is caught', { skip }, async (t) => {
  // 1 ms is told to the ledger, and ten seconds to the daemon.
  await caught(t, /was answered \d+ ms after its deadline/, async (scene) => {
    const gate = await shutGate(scene);
    await scene.deploy(`export class Handler { async call() { ${gate.wait} return ''; } }`);
    const answered = scene.ledger.follow('late', 1, scene.call());
    await sleep(1 + 2 * allowedLatenessMs);
    await gate.open();
    await answered;
  });
});

test('a process that a function leaves behind is caught', { skip }, async (t) => {
  await caught(t, /processes are left: \d+/, async (scene) => {
    await scene.deploy(`import { spawn } from 'node:child_process';
export class Handler {
  // Without the variables of its replica it is not found and ended with that.
  call() { return spawn('/bin/sleep', ['600'], { detached: true, stdio: 'ignore', env: {} }).pid; }
}`);
    const leaked = Number((await scene.call()).text);
    assert.ok(leaked > 0);
    cleanUp(t, () => void (isAlive(leaked) && process.kill(leaked, 'SIGKILL')));
  });
});

test('a descriptor that stays open is caught', { skip }, async (t) => {
  await caught(t, /\d+ descriptors are open; there were \d+/, async (scene) => {
    const socket = connect(scene.daemon.port, '127.0.0.1');
    cleanUp(t, () => void socket.destroy());
    await once(socket, 'connect');
  });
});

test('memory that stays is caught', { skip }, async (t) => {
  // A body that never ends is kept as it comes, as long as --max-bytes-in-flight has room for it.
  const roomy = { limits: { bytesInFlight: 128 * 2 ** 20, payload: 4 * 2 ** 20 } };
  const hold = async (scene: DaemonScene): Promise<void> => {
    const session = connectHttp2(`http://${scene.daemon.url}`);
    cleanUp(t, () => session.destroy());
    session.on('error', () => undefined);
    const headers = { ':method': 'POST', ':path': '/dcf.v1.Functions/Invoke', 'content-type': 'application/grpc', te: 'trailers' };
    for (let count = 0; count < 16; count++) {
      const request = session.request(headers);
      request.on('error', () => undefined);
      const announced = Buffer.alloc(5);
      announced.writeUInt32BE(4 * 2 ** 20, 1);
      request.write(announced);
      await new Promise((resolve) => request.write(Buffer.alloc(4 * 2 ** 20 - 1), resolve));
    }
  };
  await caught(t, /resident memory grew by \d+ MiB; allowed are 16 MiB/, hold, { ...impatient, memoryGrowth: 16 * 2 ** 20 }, roomy);
});

test('a call that still runs, and its bytes, are caught', { skip }, async (t) => {
  const sleeper = { id: 'sleeper', source: 'export class Handler { call() { return new Promise(() => undefined); } }' };
  await caught(t, /sleeper still runs 1 calls.*the whole of --max-bytes-in-flight are RESOURCE_EXHAUSTED/s, async ({ daemon }) => {
    await deploySource(t, daemon, sleeper.id, sleeper.source, { timeout: '5m', limits: { payload: '1MiB' } });
    await hangingCall(t, daemon.url, sleeper.id);
  });
});

async function hangingCall(t: Owner, url: string, name: string): Promise<void> {
  const ledger = new Ledger();
  cleanUp(t, () => ledger.close());
  const client = new FaultClient(url, () => ledger);
  cleanUp(t, () => client.close());
  void client.invoke(name, Buffer.alloc(2 ** 20), { timeoutMs: 60_000 });
  // On the same connection, so it comes after.
  await client.invoke('bystander', '');
}

test('a call to another function that fails is caught', { skip }, async (t) => {
  await caught(t, /\d+ of \d+ calls to another function failed, such as: UNKNOWN no more/, async ({ daemon }) => {
    await deploySource(t, daemon, 'bystander', "export class Handler { call() { throw new Error('no more'); } }", {
      limits: { payload: '4MiB' },
    });
  });
});

test('a call to another function that gets the wrong bytes is caught', { skip }, async (t) => {
  await caught(t, /came back as "other"/, async ({ daemon }) => {
    await deploySource(t, daemon, 'bystander', "export class Handler { call() { return 'other'; } }", { limits: { payload: '4MiB' } });
  });
});

const mistaken = new URL('../../../support/faults/mistaken.js', import.meta.url).href;

/** Settings of a daemon that is wrong about something from when it is told so. */
function mistakenAbout(what: 'pid' | 'method'): SectionSettings {
  return { environment: { NODE_OPTIONS: `--import=${mistaken}`, MISTAKE: what } };
}

test('another process in the place of the daemon is caught', { skip }, async (t) => {
  const replace = async ({ daemon }: DaemonScene): Promise<void> => {
    process.kill(daemon.pid, 'SIGUSR2');
    await eventually('it has another process id', async () => (await daemon.control.info()).pid === 1);
  };
  await caught(t, /the daemon has the process id 1; it was \d+/, replace, impatient, mistakenAbout('pid'));
});

test('a mistake of the daemon in its log is caught', { skip }, async (t) => {
  const mistake = async ({ daemon }: DaemonScene): Promise<void> => {
    process.kill(daemon.pid, 'SIGUSR2');
    await eventually('a method fails', () =>
      daemon.control.info().then(
        () => false,
        () => true,
      ),
    );
  };
  await caught(t, /the daemon logged: .*the mistake/, mistake, impatient, mistakenAbout('method'));
});

test('a daemon that is gone is caught', { skip }, async (t) => {
  await caught(t, /the daemon does not answer/, async ({ daemon }) => {
    process.kill(daemon.pid, 'SIGKILL');
    await daemon.ended;
  });
});
