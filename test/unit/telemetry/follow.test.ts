import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { DcfError } from '../../../src/core/errors.js';
import { LogFollower } from '../../../src/telemetry/log-follower.js';
import { digits, entry, openLogs, range, take, takeAndLeave, textsOf } from './support.js';

describe('FunctionLogs.follow', () => {
  test('gives what is there and then what comes', async (context) => {
    const { logs } = await openLogs(context);
    const abort = new AbortController();
    logs.append(digits, entry('0'));
    const following = logs.follow(digits, {}, abort.signal);
    assert.deepEqual(await take(following, 1), ['0']);
    const next = take(following, 2);
    logs.append(digits, entry('1'));
    logs.append(digits, entry('2'));
    assert.deepEqual(await next, ['1', '2']);
    const end = following.next();
    abort.abort();
    assert.deepEqual(await end, { done: true, value: undefined });
  });

  test('loses nothing and doubles nothing at the seam, wherever it begins', async (context) => {
    const { logs } = await openLogs(context, { maxFileBytes: 20_000, maxFiles: 1000 });
    const total = 1000;
    const readers: Promise<string[]>[] = [];
    for (let number = 0; number < total; number++) {
      logs.append(digits, entry(String(number)));
      if (number % 33 === 16) readers.push(takeAndLeave(logs.follow(digits, {}, new AbortController().signal), total));
      // Sometimes many in one turn, sometimes one: what is written meets what is not in every way.
      if (number % 7 === 0 || number % 200 > 150) await setImmediate();
    }
    assert.equal(readers.length, 30);
    for (const texts of await Promise.all(readers)) assert.deepEqual(texts, range(0, total));
  });

  test('is told of entries that were lost while it began, whenever that was', async (context) => {
    const burst = 100;
    for (let turns = 0; turns < 12; turns++) {
      const { logs } = await openLogs(context, { maxBufferBytes: 2000 });
      const abort = new AbortController();
      const following = logs.follow(digits, {}, abort.signal);
      const first = following.next();
      for (let turn = 0; turn < turns; turn++) await setImmediate();
      for (let number = 0; number < burst; number++) logs.append(digits, entry(String(number)));
      let accounted = 0;
      for (let next = await first; accounted < burst; next = await following.next()) {
        assert.ok(next.done !== true, `ended with ${accounted} of ${burst} accounted for`);
        accounted += Number(/^(\d+) entries are missing here/.exec(next.value.text)?.[1] ?? 1);
        // A lost entry would leave this waiting for ever: the next one tells that it was.
        if (accounted < burst) logs.append(digits, entry('after'));
        if (next.value.text === 'after') assert.fail(`${accounted} of ${burst} accounted for`);
      }
      abort.abort();
    }
  });

  test('is not kept waiting by a function that logs without end', async (context) => {
    const { logs } = await openLogs(context);
    let reading = true;
    const firsts = (async () => {
      const { signal } = new AbortController();
      const texts = await takeAndLeave(logs.follow(digits, {}, signal), 2);
      texts.push(...(await textsOf(logs.read(digits, { tail: 1 }))));
      reading = false;
      return texts;
    })();
    let number = 0;
    for (; reading; number++) {
      logs.append(digits, entry(String(number)));
      await setImmediate();
    }
    assert.deepEqual((await firsts).slice(0, 2), ['0', '1']);
  });

  test('begins with the newest ones only, when asked', async (context) => {
    const { logs } = await openLogs(context);
    const { signal } = new AbortController();
    for (const text of range(0, 10)) logs.append(digits, entry(text));
    const following = logs.follow(digits, { tail: 2 }, signal);
    assert.deepEqual(await take(following, 2), ['8', '9']);
    logs.append(digits, entry('10'));
    assert.deepEqual(await takeAndLeave(following, 1), ['10']);
    const fresh = take(logs.follow(digits, { tail: 0 }, signal), 1);
    // It begins in a turn of its own; what is read after it began shows that it has.
    await textsOf(logs.read(digits));
    logs.append(digits, entry('11'));
    assert.deepEqual(await fresh, ['11']);
    assert.deepEqual(await textsOf(logs.read(digits, { tail: 0 })), []);
  });

  test('gives only what was asked for', async (context) => {
    const { logs } = await openLogs(context);
    const { signal } = new AbortController();
    const following = logs.follow(digits, { callId: 'mine', since: 10 }, signal);
    const texts = takeAndLeave(following, 2);
    logs.append(digits, entry('other', { callId: 'other', time: 20 }));
    logs.append(digits, entry('early', { callId: 'mine', time: 9 }));
    logs.append(digits, entry('first', { callId: 'mine', time: 10 }));
    await setImmediate();
    logs.append(digits, entry('other again', { callId: 'other', time: 20 }));
    logs.append(digits, entry('second', { callId: 'mine', time: 11 }));
    assert.deepEqual(await texts, ['first', 'second']);
  });

  test('keeps little for a reader that is slow, and tells it what is missing', async (context) => {
    const { logs } = await openLogs(context, { maxFollowLength: 5000 });
    const { signal } = new AbortController();
    const following = logs.follow(digits, {}, signal);
    const first = take(following, 1);
    logs.append(digits, entry('first'));
    assert.deepEqual(await first, ['first']);
    for (const text of range(0, 1000)) logs.append(digits, entry(text));
    const texts: string[] = [];
    do texts.push(...(await take(following, 1)));
    while (!texts.at(-1)?.includes('missing'));
    const kept = texts.length - 1;
    assert.ok(kept > 10 && kept < 50, `${kept} are kept`);
    assert.deepEqual(texts, [...range(0, kept), `${1000 - kept} entries are missing here: they came faster than they were read`]);
    logs.append(digits, entry('after'));
    assert.deepEqual(await takeAndLeave(following, 1), ['after']);
    assert.equal((await textsOf(logs.read(digits))).length, 1002);
  });

  test('gives all that came before the end, also to who is in the middle of it, and then says why', async () => {
    const follower = new LogFollower({}, 1_000_000);
    for (const text of ['0', '1']) follower.push(entry(text));
    const entries = follower.entries();
    assert.deepEqual(await take(entries, 1), ['0']);
    follower.push(entry('2'));
    follower.end(new DcfError('UNAVAILABLE', 'the end'));
    follower.push(entry('3'));
    assert.deepEqual(await take(entries, 2), ['1', '2']);
    await assert.rejects(entries.next(), { message: 'the end' });
  });

  test('says that the function was deleted, and that the daemon stops', async (context) => {
    const { logs } = await openLogs(context);
    const { signal } = new AbortController();
    logs.append(digits, entry('0'));
    const deleted = logs.follow(digits, {}, signal);
    assert.deepEqual(await take(deleted, 1), ['0']);
    const end = assert.rejects(take(deleted, 1), { code: 'NOT_FOUND', message: /the function digits was deleted/ });
    await logs.delete(digits);
    await end;

    const closed = logs.follow(digits, {}, signal);
    logs.append(digits, entry('1'));
    assert.deepEqual(await take(closed, 1), ['1']);
    const last = take(closed, 1);
    logs.append(digits, entry('2'));
    await logs.close();
    assert.deepEqual(await last, ['2'], 'what was logged before the end is not lost');
    await assert.rejects(take(closed, 1), { code: 'UNAVAILABLE' });
    await assert.rejects(textsOf(logs.follow(digits, {}, signal)), { code: 'UNAVAILABLE' });
  });

  test('ends at once for a reader that has gone, also in the middle of what is there', async (context) => {
    const { logs } = await openLogs(context);
    for (const text of range(0, 1000)) logs.append(digits, entry(text));
    await textsOf(logs.read(digits));
    const before = (await readdir('/proc/self/fd')).length;
    const abort = new AbortController();
    const following = logs.follow(digits, {}, abort.signal);
    assert.deepEqual(await take(following, 2), ['0', '1']);
    abort.abort();
    assert.deepEqual(await textsOf(following), []);
    assert.deepEqual(await textsOf(logs.follow(digits, {}, abort.signal)), []);
    assert.equal((await readdir('/proc/self/fd')).length, before);
  });

  test('leaves nothing behind when a reader breaks off', async (context) => {
    const { logs } = await openLogs(context);
    const { signal } = new AbortController();
    logs.append(digits, entry('0'));
    for await (const one of logs.follow(digits, {}, signal)) {
      assert.equal(one.text, '0');
      break;
    }
    logs.append(digits, entry('1'));
    assert.deepEqual(await textsOf(logs.read(digits)), ['0', '1']);
  });
});
