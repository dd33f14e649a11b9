import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { createDaemonLog, type DaemonLogLevel } from '../../../src/telemetry/daemon-log.js';

async function logTo(level: DaemonLogLevel, pretty = false) {
  const lines: string[] = [];
  const log = await createDaemonLog({ level, pretty, destination: { write: (line) => lines.push(line) } });
  return { log, lines, parsed: () => lines.map((line): Record<string, unknown> => JSON.parse(line)) };
}

describe('the daemon log', () => {
  test('is a line of JSON each, with time, level, message and fields', async () => {
    const { log, parsed } = await logTo('info');
    log.info({ function: 'digits', milliseconds: 3 }, 'deployed');
    const [line] = parsed();
    assert.deepEqual(line, { level: 'info', time: line?.['time'], pid: process.pid, function: 'digits', milliseconds: 3, msg: 'deployed' });
    assert.match(String(line?.['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  test('leaves out what is less important than its level', async () => {
    const { log, parsed } = await logTo('warn');
    for (const level of ['debug', 'info', 'warn', 'error'] as const) log[level]({}, level);
    assert.deepEqual(
      parsed().map((line) => line['msg']),
      ['warn', 'error'],
    );
  });

  test('never shows a secret', async () => {
    const { log, lines } = await logTo('info');
    log.info({ token: 'hush', a: { authorization: 'hush', b: { secret: 'hush', c: { password: 'hush' } } } }, 'one');
    log.info({ headers: { Authorization: 'Bearer hush' }, secrets: { API_KEY: 'hush' }, apiKey: 'hush' }, 'two');
    assert.equal(lines.length, 2);
    assert.doesNotMatch(lines.join(''), /hush/);
    assert.match(lines.join(''), /\[redacted\]/);
  });

  test('does not change what it is given', async () => {
    const { log } = await logTo('info');
    const fields = { token: 'kept', deep: { secret: 'kept' } };
    log.info(fields, 'x');
    assert.deepEqual(fields, { token: 'kept', deep: { secret: 'kept' } });
  });

  test('takes anything that was thrown', async () => {
    const { log, parsed } = await logTo('info');
    log.error({ error: new TypeError('broken') }, 'a');
    log.error({ error: 'a string' }, 'b');
    log.error({ error: undefined }, 'c');
    const [first, second] = parsed();
    const error = Object(first?.['error']);
    assert.deepEqual([error.type, error.message, typeof error.stack], ['TypeError', 'broken', 'string']);
    assert.equal(second?.['error'], 'a string');
  });

  test('is for people when asked', async () => {
    const { log, lines } = await logTo('info', true);
    log.warn({ port: 32222 }, 'the port is taken');
    assert.match(lines.join(''), /^\[\d\d:\d\d:\d\d\.\d{3}\] .*WARN.*the port is taken/);
    assert.match(lines.join(''), /port.*32222/);
  });

  test('goes to stderr, and the last line is not lost when the process ends', () => {
    const code = `
      const { createDaemonLog } = await import(${JSON.stringify(new URL('../../../src/telemetry/daemon-log.js', import.meta.url).href)});
      const log = await createDaemonLog({ level: 'info' });
      for (let index = 0; index < 1000; index++) log.info({ index }, 'x');
      process.exit(3);`;
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' });
    assert.equal(status, 3);
    assert.equal(stdout, '');
    const lines = stderr.trimEnd().split('\n');
    assert.deepEqual([lines.length, JSON.parse(lines.at(-1) ?? '').index], [1000, 999]);
  });
});
