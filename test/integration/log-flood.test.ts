import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, test } from 'node:test';
import { startDaemon } from '../support/daemon.js';
import { deploySource, echoSource } from '../support/functions.js';

const owner = { after };
const daemon = await startDaemon(owner);
await deploySource(owner, daemon, 'echo', echoSource);

/** Prints as many lines as it is told to, as fast as it can, and lets its own thread rest now and then. */
const source = `export class Handler {
  async call(request) {
    const [how, count] = request.text().split(' ');
    for (let line = 0; line < Number(count); line++) {
      if (how === 'console') console.log(how + ' line ' + line);
      else process.stdout.write(how + ' line ' + line + '\\n');
      if (line % 1000 === 999) await new Promise((resolve) => setImmediate(resolve));
    }
    return '';
  }
}`;

/** Follows the log of `name` until every line is in it or told to be missing. */
async function account(name: string, lines: number): Promise<{ found: number; missing: number }> {
  let found = 0;
  let missing = 0;
  for await (const { text } of daemon.control.logs({ name, follow: true })) {
    if (/^\w+ line \d+$/.test(text)) found += 1;
    missing += Number(/^(\d+) (?:lines were dropped|entries are missing) here/.exec(text)?.[1] ?? 0);
    if (found + missing >= lines) break;
  }
  return { found, missing };
}

/** MiB that the daemon ever had. */
async function peakMemory(): Promise<number> {
  const status = await readFile(`/proc/${daemon.pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
}

for (const how of ['console', 'stdout']) {
  test(`100,000 lines by ${how}: other functions serve on, each line is there or counted, memory is bounded`, async (t) => {
    const lines = 100_000;
    const name = `flood-${how}`;
    await deploySource(t, daemon, name, source, { timeout: '2m', callLog: false });
    const accounted = account(name, lines);
    const flood = daemon.client.invoke(name, `${how} ${lines}`, { timeout: '2m' });
    let over = false;
    const ended = flood.finally(() => {
      over = true;
    });
    let calls = 0;
    for (; !over; calls++) {
      const { output } = await daemon.client.invoke('echo', `call ${calls}`);
      assert.equal(Buffer.from(output).toString(), `call ${calls}`);
    }
    await ended;
    const { found, missing } = await accounted;
    assert.equal(found + missing, lines);
    assert.ok(calls > 0 && found >= 1000, `${calls} calls, ${found} lines in the log, ${missing} missing`);
    const peak = await peakMemory();
    assert.ok(peak < 400, `the daemon had ${peak} MiB`);
  });
}
