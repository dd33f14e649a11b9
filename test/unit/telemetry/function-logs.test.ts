import assert from 'node:assert/strict';
import { mkdir, open, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { FunctionLogs } from '../../../src/telemetry/function-logs.js';
import { temporaryDirectory } from '../../support/cleanup.js';
import { functionName } from '../../support/registry.js';

import { allOf, digits, entry, openLogs, range, textsOf } from './support.js';

/** Entries are written when they are read or the logs are closed, and not also when their time has come, between two steps of a test. */
function onlyWhenAsked(context: TestContext): void {
  context.mock.timers.enable({ apis: ['setTimeout'] });
}

describe('FunctionLogs', () => {
  test('gives back what it was given, from memory, from the file, and after a restart', async (context) => {
    const { logs, data } = await openLogs(context);
    const given = [entry('one'), entry('zwei\u2028drei\nvier', { level: 'error', callId: '', time: 2000, replica: 3, worker: 2 })];
    for (const one of given) logs.append(digits, one);
    assert.deepEqual(await allOf(logs.read(digits)), given);
    await logs.close();
    const again = await FunctionLogs.open(data, { onProblem: assert.fail });
    assert.deepEqual(await allOf(again.read(digits)), given);
    assert.deepEqual(await allOf(again.read(functionName('other'))), []);
    await again.close();
    assert.deepEqual(await readdir(join(data, 'logs')), ['digits']);
  });

  test('keeps the functions apart', async (context) => {
    const { logs } = await openLogs(context);
    logs.append(digits, entry('mine'));
    logs.append(functionName('other'), entry('yours'));
    assert.deepEqual(await textsOf(logs.read(digits)), ['mine']);
  });

  test('finds by call, time and number', async (context) => {
    const { logs } = await openLogs(context, { maxFileBytes: 2000 });
    for (let index = 0; index < 100; index++) logs.append(digits, entry(String(index), { time: index, callId: `call-"${index % 10}` }));
    assert.deepEqual(await textsOf(logs.read(digits, { callId: 'call-"3', since: 50 })), ['53', '63', '73', '83', '93']);
    assert.deepEqual(await textsOf(logs.read(digits, { since: 97 })), ['97', '98', '99']);
    assert.deepEqual(await textsOf(logs.read(digits, { callId: 'call-"3', tail: 2 })), ['83', '93']);
    assert.deepEqual(await textsOf(logs.read(digits, { callId: 'call' })), []);
  });

  test('reads the newest across all files', async (context) => {
    const { logs, data } = await openLogs(context, { maxFileBytes: 2000, maxFiles: 100 });
    for (const text of range(0, 200)) logs.append(digits, entry(text));
    await logs.close();
    const again = await FunctionLogs.open(data, { onProblem: assert.fail, maxFileBytes: 2000, maxFiles: 100 });
    for (const text of range(200, 203)) again.append(digits, entry(text));
    for (const tail of [1, 3, 4, 50, 202, 203, 1000]) {
      assert.deepEqual(await textsOf(again.read(digits, { tail })), range(Math.max(0, 203 - tail), 203), String(tail));
    }
    assert.deepEqual(await textsOf(again.read(digits)), range(0, 203));
    assert.deepEqual(await textsOf(again.read(digits, { tail: 0 })), []);
    await again.close();
  });

  test('rotates by size, and keeps so many files and no more', async (context) => {
    const { logs, data } = await openLogs(context, { maxFileBytes: 1000, maxFiles: 3 });
    for (const text of range(0, 100)) {
      logs.append(digits, entry(text));
      await textsOf(logs.read(digits, { tail: 1 }));
    }
    await logs.close();
    const files = (await readdir(join(data, 'logs/digits'))).sort();
    assert.equal(files.length, 3);
    assert.equal(files[2], 'current.jsonl');
    assert.match(files[0] ?? '', /^\d{8}\.jsonl$/);
    for (const file of files) assert.ok((await stat(join(data, 'logs/digits', file))).size <= 1000, file);

    const again = await FunctionLogs.open(data, { onProblem: assert.fail, maxFileBytes: 1000, maxFiles: 3 });
    const kept = await textsOf(again.read(digits));
    assert.deepEqual(kept, range(100 - kept.length, 100));
    assert.ok(kept.length >= 14, `${kept.length} are kept`);
    await again.close();
  });

  test('cuts a text of more than 64 KiB, with a mark', async (context) => {
    const { logs } = await openLogs(context);
    logs.append(digits, entry('ä'.repeat(100_000)));
    const [text = ''] = await textsOf(logs.read(digits));
    assert.ok(Buffer.byteLength(text) <= 64 * 1024);
    assert.match(text, /^ä{30000,} … \(cut\)$/);
  });

  test('drops what does not fit its memory, and says once how much', async (context) => {
    const { logs } = await openLogs(context, { maxBufferBytes: 2000 });
    for (const text of range(0, 1000)) logs.append(digits, entry(text));
    const texts = await textsOf(logs.read(digits));
    const kept = texts.length - 1;
    assert.ok(kept > 5 && kept < 20, `${kept} are kept`);
    assert.deepEqual(texts, [...range(0, kept), `${1000 - kept} entries are missing here: they could not be written in time`]);
    logs.append(digits, entry('after'));
    assert.deepEqual(await textsOf(logs.read(digits, { tail: 1 })), ['after']);
  });

  test('skips damaged lines, and never joins a new line to a torn one', async (context) => {
    const data = await temporaryDirectory(context);
    const folder = join(data, 'logs/digits');
    await mkdir(folder, { recursive: true });
    const line = (text: string) => `${JSON.stringify(entry(text))}\n`;
    const odd = [
      '\n',
      '{}\n',
      '[]\n',
      'null\n',
      '\u0000\u0000\n',
      `${JSON.stringify({ ...entry('x'), level: 'loud' })}\n`,
      `${JSON.stringify({ ...entry('x'), time: '1' })}\n`,
    ];
    await writeFile(join(folder, '00000001.jsonl'), `${line('a')}${odd.join('')}${line('b')}{"time":1,"le`);
    await writeFile(join(folder, 'current.jsonl'), `${line('c')}{"time":1000,"level":"info","te`);
    const logs = await FunctionLogs.open(data, { onProblem: assert.fail });
    context.after(() => logs.close());
    logs.append(digits, entry('d'));
    assert.deepEqual(await textsOf(logs.read(digits)), ['a', 'b', 'c', 'd']);
    assert.deepEqual(await textsOf(logs.read(digits, { tail: 3 })), ['b', 'c', 'd']);
  });

  test('reads on although the files are rotated away meanwhile', async (context) => {
    const { logs } = await openLogs(context, { maxFileBytes: 1000, maxFiles: 2 });
    for (const text of range(0, 15)) logs.append(digits, entry(text));
    const before = await textsOf(logs.read(digits));
    const reading = logs.read(digits);
    assert.equal((await reading.next()).value?.text, before[0]);
    for (const text of range(15, 100)) {
      logs.append(digits, entry(text));
      await textsOf(logs.read(digits, { tail: 1 }));
    }
    assert.deepEqual(await textsOf(reading), before.slice(1));
  });

  test('closes its files when a reader leaves early', async (context) => {
    const { logs } = await openLogs(context);
    for (const text of range(0, 2000)) logs.append(digits, entry(text));
    await textsOf(logs.read(digits));
    const openFiles = async () => (await readdir('/proc/self/fd')).length;
    const before = await openFiles();
    for (let time = 0; time < 20; time++) {
      for await (const first of logs.read(digits)) {
        assert.equal(first.text, '0');
        break;
      }
    }
    assert.equal(await openFiles(), before);
  });

  test('deletes a log, and begins a new one', async (context) => {
    const { logs, data } = await openLogs(context);
    logs.append(digits, entry('old'));
    await textsOf(logs.read(digits));
    logs.append(digits, entry('waiting'));
    await logs.delete(digits);
    assert.deepEqual(await readdir(join(data, 'logs')), []);
    logs.append(digits, entry('new'));
    assert.deepEqual(await textsOf(logs.read(digits)), ['new']);
  });

  test('finds by revision, also by the beginning of its id', async (context) => {
    const { logs } = await openLogs(context);
    for (const revision of ['aaaa000011112222', 'bbbb000011112222', '']) logs.append(digits, entry(revision || 'none', { revision }));
    assert.deepEqual(await textsOf(logs.read(digits, { revision: 'bbbb000011112222' })), ['bbbb000011112222']);
    assert.deepEqual(await textsOf(logs.read(digits, { revision: 'aa' })), ['aaaa000011112222']);
    assert.deepEqual(await textsOf(logs.read(digits, { revision: 'cc' })), []);
    assert.equal((await textsOf(logs.read(digits, { revision: '' }))).length, 3);
  });

  test('knows whether anything is kept of a function', async (context) => {
    const { logs, data } = await openLogs(context);
    assert.equal(await logs.has(digits), false);
    assert.equal(await logs.delete(digits), false);
    logs.append(digits, entry('one'));
    assert.equal(await logs.has(digits), true);
    await logs.close();
    const again = await FunctionLogs.open(data, { onProblem: assert.fail });
    assert.equal(await again.has(digits), true);
    assert.equal(await again.delete(digits), true);
    assert.equal(await again.has(digits), false);
    await again.close();
  });

  test('keeps nothing in memory of names that have no log, of followers that left, and of logs that were deleted', async (context) => {
    const { logs } = await openLogs(context);
    const inMemory = (): unknown[] => {
      const map: unknown = Reflect.get(logs, 'logs');
      assert.ok(map instanceof Map);
      return [...map.keys()];
    };
    const names = range(0, 3).map((number) => functionName(`unknown${number}`));
    assert.deepEqual((await Promise.all(names.map((name) => textsOf(logs.read(name))))).flat(), []);
    for (const name of names) assert.equal(await logs.delete(name), false);
    const gone = new AbortController();
    const following = logs.follow(digits, {}, gone.signal);
    const first = following.next();
    // The follower keeps it, whoever else reads it or asks for it to be deleted.
    assert.deepEqual(await textsOf(logs.read(digits)), []);
    assert.deepEqual(inMemory(), ['digits']);
    logs.append(digits, entry('one'));
    assert.equal((await first).value?.text, 'one');
    gone.abort();
    assert.equal((await following.next()).done, true);
    assert.deepEqual(inMemory(), ['digits']);
    await logs.delete(digits);
    assert.deepEqual(inMemory(), []);
    const left = new AbortController();
    const waiting = logs.follow(digits, {}, left.signal).next();
    setImmediate(() => left.abort());
    assert.equal((await waiting).done, true);
    assert.deepEqual(inMemory(), []);
  });

  test('keeps 20 logs of functions that are not deployed, for a week, and all of those that are', async (context) => {
    const { logs, data } = await openLogs(context);
    const names = Array.from({ length: 25 }, (_, index) => `f${String(index).padStart(2, '0')}`);
    for (const [index, name] of names.entries()) {
      logs.append(functionName(name), entry('a line'));
      await textsOf(logs.read(functionName(name)));
      // Seconds apart: a file system may keep no finer times.
      const at = Date.now() / 1000 - 1000 + index;
      await utimes(join(data, 'logs', name), at, at);
    }
    const kept = async (): Promise<string[]> => (await readdir(join(data, 'logs'))).sort();
    await logs.sweep((name) => name === 'f00');
    assert.deepEqual(await kept(), ['f00', ...names.slice(5)]);
    const day = 24 * 3600;
    for (const [name, days] of [
      ['f00', 8],
      ['f24', 7.01],
      ['f23', 6.99],
    ] as const) {
      const at = Date.now() / 1000 - days * day;
      await utimes(join(data, 'logs', name), at, at);
    }
    await logs.sweep((name) => name === 'f00');
    assert.deepEqual(await kept(), ['f00', ...names.slice(5, -1)]);
  });

  test('goes on when somebody else removed the folder', async (context) => {
    onlyWhenAsked(context);
    const problems: string[] = [];
    const { logs, data } = await openLogs(context, { onProblem: (message) => problems.push(message) });
    logs.append(digits, entry('one'));
    await textsOf(logs.read(digits));
    await logs.close();
    const again = await FunctionLogs.open(data, { onProblem: (message) => problems.push(message) });
    again.append(digits, entry('two'));
    await allOf(again.read(digits));
    await rm(join(data, 'logs/digits'), { recursive: true });
    again.append(digits, entry('three'));
    await allOf(again.read(digits));
    again.append(digits, entry('four'));
    await again.close();
    const [line = ''] = (await readFile(join(data, 'logs/digits/current.jsonl'), 'utf8')).split('\n');
    assert.match(line, /"four"/);
    assert.equal(problems.length, 1);
  });

  test('loses entries on a full disk, tells the daemon once a minute, and says in the log what is missing', async (context) => {
    onlyWhenAsked(context);
    let now = 0;
    const problems: string[] = [];
    const { logs, data } = await openLogs(context, { now: () => now, onProblem: (message) => problems.push(message) });
    const probe = await open(join(data, 'probe'), 'w');
    const prototype: { writeFile: typeof probe.writeFile } = Object.getPrototypeOf(probe);
    await probe.close();
    const full = context.mock.method(prototype, 'writeFile', () =>
      Promise.reject(Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })),
    );
    for (const minute of [0, 0.5, 0.9, 1, 1.5]) {
      now = minute * 60_000;
      logs.append(digits, entry(String(minute)));
      await textsOf(logs.read(digits));
    }
    full.mock.restore();
    assert.deepEqual(
      problems,
      Array.from(
        { length: 2 },
        () => `entries of the log of digits are lost: ${data}/logs cannot be written: ENOSPC: no space left on device`,
      ),
    );
    logs.append(digits, entry('again'));
    assert.deepEqual(await textsOf(logs.read(digits)), ['again', '5 entries are missing here: they could not be written in time']);
  });

  test('refuses a data directory in which it cannot write', async (context) => {
    const data = await temporaryDirectory(context);
    await writeFile(join(data, 'logs'), '');
    await assert.rejects(FunctionLogs.open(data, { onProblem: assert.fail }), {
      code: 'FAILED_PRECONDITION',
      message: /the folder for the functions' logs, .*\/logs, cannot be made: /,
    });
  });

  test('takes nothing once it is closed', async (context) => {
    const { logs, data } = await openLogs(context);
    logs.append(digits, entry('in time'));
    await logs.close();
    logs.append(digits, entry('too late'));
    assert.match(await readFile(join(data, 'logs/digits/current.jsonl'), 'utf8'), /^\{.*"in time".*\}\n$/);
  });
});
