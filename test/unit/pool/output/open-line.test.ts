import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { HandlerLines } from '../../../../src/pool/output/handler-lines.js';
import { LineSplitter } from '../../../../src/pool/output/line-splitter.js';
import type { LogLine } from '../../../../src/pool/output/log-line.js';

interface Tried {
  /** What was shown since it was asked last. */
  shown: () => string[];
  pass: (ms: number) => void;
}

function tried(t: TestContext, kept: string[]): Tried {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1e12 });
  return { shown: () => kept.splice(0), pass: (ms) => t.mock.timers.tick(ms) };
}

/** A part of a line, with dots where more of it stands before or comes after. */
function marked(text: string, part: LogLine['part']): string {
  return `${part?.continued ? '…' : ''}${text}${part?.open ? '…' : ''}`;
}

function splitter(t: TestContext): Tried & { push: (text: string) => void; end: () => void } {
  const kept: string[] = [];
  const lines = new LineSplitter((text, part) => kept.push(marked(text, part)));
  return { ...tried(t, kept), push: (text) => lines.push(Buffer.from(text)), end: () => lines.end() };
}

function handler(t: TestContext): Tried & { take: (text: string, open?: boolean, callId?: string) => void; close: () => void } {
  const kept: string[] = [];
  const lines = new HandlerLines(0, ({ text, callId, part }: LogLine) => kept.push(`${callId}: ${marked(text, part)}`));
  const take = (text: string, open = false, callId = 'a'): void => lines.take({ id: 1, callId, level: 'info', time: 0, text, open });
  return { ...tried(t, kept), take, close: () => lines.close() };
}

test('a line that is begun and goes on no further is shown, and later what came to it', (t) => {
  const { push, pass, shown, end } = splitter(t);
  push('whole\nLoading ');
  assert.deepEqual(shown(), ['whole']);
  pass(100);
  assert.deepEqual(shown(), ['Loading …']);
  push('the weights');
  push(' done\nnext\n\n');
  assert.deepEqual(shown(), ['…the weights done', 'next', '']);
  push('shown');
  pass(100);
  push('\nno end');
  end();
  assert.deepEqual(shown(), ['shown…', 'no end']);
  pass(10_000);
  assert.deepEqual(shown(), []);
});

test('dots without an end of their line: some a second, none is lost or shown twice', (t) => {
  const { push, pass, shown } = splitter(t);
  for (let round = 0; round < 50; round++) {
    push('.');
    pass(100);
  }
  const parts = shown();
  assert.ok(parts.length >= 4 && parts.length <= 6, String(parts));
  push('\n');
  assert.equal([...parts, ...shown()].join('').replaceAll('…', ''), '.'.repeat(50));
});

test('of a progress bar the last state counts, and some in between are shown', (t) => {
  const { push, pass, shown } = splitter(t);
  for (let percent = 0; percent <= 100; percent++) {
    push(`\r${percent}%`);
    pass(20);
  }
  const states = shown();
  assert.ok(states.length >= 1 && states.length <= 4, String(states));
  push('\r100%\n');
  push('a\rb\rc\n10%\r20%\r\r\nwindows\r\ngone\r    \r\n');
  assert.deepEqual(shown(), ['100%', 'c', '20%', 'windows', 'gone']);
});

test('what comes after a carriage return takes its place once, and is gone on with', (t) => {
  const { push, pass, shown } = splitter(t);
  push('\r10');
  push('%');
  pass(100);
  assert.deepEqual(shown(), ['10%…']);
  push(' of all');
  pass(1_000);
  assert.deepEqual(shown(), ['… of all…']);
  push('\r    \nnext\r\n    \n');
  assert.deepEqual(shown(), ['next', '    ']);
});

test('a state that was shown is not shown again when the bar ends', (t) => {
  const { push, pass, shown } = splitter(t);
  push('\r100%');
  pass(100);
  push('\r100%\n');
  assert.deepEqual(shown(), ['100%…']);
});

test('a line that is cut by the block of a writer which gathers its output is not torn', (t) => {
  const { push, pass, shown } = splitter(t);
  const line = `${'x'.repeat(4091)}\nbegi`;
  push(line);
  pass(1_000);
  assert.deepEqual(shown(), ['x'.repeat(4091)]);
  push('nning\n');
  assert.deepEqual(shown(), ['beginning']);
});

test('a text without any end is cut, and not kept', (t) => {
  const { push, shown } = splitter(t);
  for (let piece = 0; piece < 10; piece++) push('x'.repeat(10_000));
  const parts = shown();
  assert.equal(parts.length, 6);
  assert.ok(parts.every((part) => part.replaceAll('…', '').length === 16 * 1024));
});

test('what a Handler flushes in the middle of a line is shown at once, and belongs to its call', (t) => {
  const { take, pass, shown, close } = handler(t);
  take('Loading ', true);
  assert.deepEqual(shown(), ['a: Loading …']);
  take('done');
  assert.deepEqual(shown(), ['a: …done']);
  for (let percent = 0; percent < 100; percent++) take(`\r${percent}%`, true);
  assert.deepEqual(shown(), ['a: 0%…']);
  pass(1_000);
  assert.deepEqual(shown(), ['a: 99%…']);
  take('\r99%');
  assert.deepEqual(shown(), []);
  take('from the call ', true, 'b');
  take('before', true, 'b');
  take('another call', false, 'c');
  assert.deepEqual(shown(), ['b: from the call …', 'b: …before', 'c: another call']);
  take('x', true, 'd');
  take('y', true, 'd');
  close();
  assert.deepEqual(shown(), ['d: x…', 'd: …y']);
  pass(10_000);
  assert.deepEqual(shown(), []);
});

test('an entry of several lines is no progress bar: nothing of it is dropped, carriage returns or not', (t) => {
  const { take, shown } = handler(t);
  take('called with \u0000\n\r\u000e and more');
  assert.deepEqual(shown(), ['a: called with \u0000\n\r\u000e and more']);
  take('10%\r20%');
  assert.deepEqual(shown(), ['a: 20%']);
  // While a line is open, too: each carriage return goes back to the beginning of its own line.
  take('half', true);
  take('one\r\ntwo\n10%\r20%', false, 'b');
  assert.deepEqual(shown(), ['a: half…', 'b: one\ntwo\n20%']);
  take('first\r', true, 'c');
  take('\nsecond', true, 'c');
  take(' and on', false, 'c');
  assert.deepEqual(shown(), ['c: first…', 'c: …\nsecond and on']);
});
