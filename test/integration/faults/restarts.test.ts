import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, DcfError } from '@dcf/sdk';
import { cleanUp, temporaryDirectory } from '../../support/cleanup.js';
import { runDaemon, type TestDaemon } from '../../support/daemon.js';
import { daemonFaults } from '../../support/faults/fault-matrix.js';
import { assertRefusal, HttpCaller, isHttpReply } from '../../support/faults/http-caller.js';
import type { Scene } from '../../support/faults/scene.js';
import { deploySource, echoSource } from '../../support/functions.js';
import { eventually } from '../../support/processes.js';

/** Writes down each call before it is answered, and takes a time of its own, so that there are always some in flight. */
function recording(path: string): string {
  return `import { appendFileSync } from 'node:fs';
declare const setTimeout: any;
export class Handler {
  async call(request: any): Promise<any> {
    appendFileSync(${JSON.stringify(path)}, request.text() + '\\n');
    await new Promise((resolve) => setTimeout(resolve, 50 + 50 * Math.random()));
    return request.input;
  }
}`;
}

function recorded(path: string): string[] {
  return readFileSync(path, 'utf8').trim().split('\n');
}

interface Load {
  /** Inputs that were answered. */
  answered: string[];
  /** How the others ended. */
  failed: { input: string; error: unknown }[];
  /** Takes no new call; resolves when all are answered. */
  stop: () => Promise<void>;
}

/** Calls a function with an input, and gives its output. */
type Call = (name: string, input: string) => Promise<string>;

/** Longer than a daemon takes to come back on a busy machine: a call that waits for it must not end before. */
const timeoutMs = 180_000;

/** Calls a function without a pause until it is stopped, several calls at a time, each with an input of its own. */
function putUnderLoad(call: Call, name: string, callers: number): Load {
  let over = false;
  let last = 0;
  const answered: string[] = [];
  const failed: Load['failed'] = [];
  const caller = async (): Promise<void> => {
    while (!over) {
      last += 1;
      const input = `call-${last}`;
      try {
        assert.equal(await call(name, input), input);
        answered.push(input);
      } catch (error) {
        failed.push({ input, error });
        // A daemon that is gone refuses at once.
        if (failed.length > 1_000) return;
      }
    }
  };
  const called = Promise.all(Array.from({ length: callers }, caller));
  return {
    answered,
    failed,
    stop: async () => {
      over = true;
      await called;
    },
  };
}

interface Caller {
  call: Call;
  close: () => void;
}

/** Calls with the SDK, which comes back when a call was not started. */
function withSdk(scene: Scene, { url }: TestDaemon): Caller {
  const client = new Client(url);
  cleanUp(scene, () => client.close());
  return {
    call: async (name, input) => {
      const answer = client.invoke(name, input, { timeout: `${timeoutMs}ms`, waitForReady: true });
      return Buffer.from((await scene.ledger.follow(input, timeoutMs, answer)).output).toString();
    },
    close: () => client.close(),
  };
}

/** Calls over HTTP; an answer that is an error is thrown as it is. */
function overHttp(scene: Scene, { http }: TestDaemon): Caller {
  const caller = new HttpCaller(scene, http);
  const call: Call = async (name, input) => {
    const reply = await caller.call(name, input, { timeoutMs });
    if (reply.status !== 200) throw reply;
    return reply.text;
  };
  return { call, close: () => undefined };
}

async function underLoad(scene: Scene, daemon: TestDaemon, connect = withSdk) {
  const path = join(await temporaryDirectory(scene), 'calls');
  await deploySource(scene, daemon, 'recorder', recording(path), { concurrency: 4 });
  await deploySource(scene, daemon, 'bystander', echoSource);
  const { call, close } = connect(scene, daemon);
  const loads = [putUnderLoad(call, 'recorder', 8), putUnderLoad(call, 'bystander', 2)] as const;
  await eventually('the load is on', () => loads.every(({ answered }) => answered.length > 50));
  return { path, loads, close };
}

/** Whether a call came to a connection that was closed already, or to none. */
function foundNobody(error: unknown): boolean {
  return isHttpReply(error) && error.status === 0;
}

const anyError = /^(UNAVAILABLE|CANCELLED)$/;

daemonFaults('The daemon stops and comes back', (row) => {
  row('SIGTERM under load', 'Every call that a Handler was given is answered; the others were not started, and know it', async (scene) => {
    const daemon = await scene.startDaemon();
    const { path, loads, close } = await underLoad(scene, daemon);
    assert.equal(await daemon.stop('SIGTERM'), 0);
    close();
    for (const load of loads) await load.stop();
    const [recorder] = loads;
    assert.deepEqual(recorder.answered.toSorted(), recorded(path).toSorted(), 'what ran was answered, and once');
    for (const { error } of loads.flatMap(({ failed }) => failed)) assert.match(DcfError.is(error) ? error.code : String(error), anyError);
    scene.note(`${recorder.answered.length} calls were answered`);
  });

  row(
    'SIGTERM under load over HTTP',
    'Every call that a Handler was given is answered; the others are 503 with `dcf-not-started`, or find nobody',
    async (scene) => {
      const daemon = await scene.startDaemon();
      const { path, loads } = await underLoad(scene, daemon, overHttp);
      assert.equal(await daemon.stop('SIGTERM'), 0);
      for (const load of loads) await load.stop();
      const [recorder] = loads;
      assert.deepEqual(recorder.answered.toSorted(), recorded(path).toSorted(), 'what ran was answered, and once');
      const refused = loads.flatMap(({ failed }) => failed.map(({ error }) => error)).filter((error) => !foundNobody(error));
      for (const error of refused) {
        assert.ok(isHttpReply(error), String(error));
        assertRefusal(error, { status: 503, code: 'UNAVAILABLE', message: /shutting down|being stopped/ });
        assert.equal(error.headers['dcf-not-started'], '1');
      }
      scene.note(`${recorder.answered.length} calls were answered, ${refused.length} refused`);
    },
  );

  row('A restart under load, by clients that try again what was not started', 'No call fails, and none runs twice', async (scene) => {
    let daemon = await scene.startDaemon();
    const { path, loads } = await underLoad(scene, daemon);
    for (let restart = 0; restart < 2; restart++) {
      assert.equal(await daemon.stop('SIGTERM'), 0);
      daemon = await scene.startDaemon({ data: daemon.data, args: ['--grpc', `127.0.0.1:${daemon.port}`] });
      const before = loads.map(({ answered }) => answered.length);
      await eventually('the load is on again', () => loads.every(({ answered }, index) => answered.length > (before[index] ?? 0) + 50));
    }
    for (const load of loads) await load.stop();
    const failures = loads.flatMap(({ failed }) => failed.map(({ error }) => String(error)));
    assert.deepEqual(failures, []);
    const [recorder] = loads;
    assert.deepEqual(recorder.answered.toSorted(), recorded(path).toSorted());
    scene.note(`${recorder.answered.length} calls were answered over two restarts`);
  });

  row(
    '`kill -9` of the daemon under load',
    'What may have run fails and is not tried again, so nothing runs twice; afterwards all is as before',
    async (scene) => {
      let daemon = await scene.startDaemon();
      const { path, loads } = await underLoad(scene, daemon);
      await daemon.stop('SIGKILL');
      daemon = await scene.startDaemon({ data: daemon.data, args: ['--grpc', `127.0.0.1:${daemon.port}`] });
      const before = loads.map(({ answered }) => answered.length);
      await eventually('the load is on again', () => loads.every(({ answered }, index) => answered.length > (before[index] ?? 0) + 50));
      for (const load of loads) await load.stop();
      const [recorder, bystander] = loads;
      const ran = recorded(path);
      assert.equal(new Set(ran).size, ran.length, 'no call ran twice');
      for (const input of recorder.answered) assert.ok(ran.includes(input), `${input} was answered and never ran`);
      // No more than were in flight.
      assert.ok(
        recorder.failed.length <= 8 && bystander.failed.length <= 2,
        `${recorder.failed.length} and ${bystander.failed.length} failed: ${[...recorder.failed, ...bystander.failed].map(({ error }) => error)}`,
      );
      for (const { error } of recorder.failed) assert.match(String(error), /UNAVAILABLE|broke|may have run/);
    },
  );

  row(
    'A second daemon on the same data directory',
    'It says who holds the directory, and exits with 1; the first serves on',
    async (scene) => {
      const daemon = await scene.startDaemon();
      await deploySource(scene, daemon, 'echo', echoSource);
      const client = scene.connect(daemon.url);
      const second = runDaemon(scene, ['--data', daemon.data, '--grpc', '127.0.0.1:0']);
      let over = false;
      const ended = second.ended.finally(() => {
        over = true;
      });
      for (let count = 0; count < 100 || !over; count++) {
        assert.doesNotMatch(second.log(), /listens on/, 'the second came up');
        assert.equal((await client.invoke('echo', String(count))).text, String(count));
      }
      assert.equal(await ended, 1);
      assert.match(second.log(), new RegExp(`the data directory ${daemon.data} is in use by another daemon \\(pid ${daemon.pid}\\)`));
    },
  );
});
