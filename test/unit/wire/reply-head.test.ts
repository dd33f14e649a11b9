import assert from 'node:assert/strict';
import test from 'node:test';
import { FrameError } from '../../../src/wire/frame.js';
import { flagsOfKind, headProblem, kindOfFlags, readReplyHead } from '../../../src/wire/reply-head.js';

test('a head may have what HTTP has, and says by name what it may not', () => {
  assert.equal(
    headProblem({
      status: 200,
      headers: [
        ['x', ''],
        ["!#$%&'*+-.^_`|~", 'gr\u00fc\u00df\t'],
      ],
    }),
    undefined,
  );
  for (const status of [0, 199, 600, 200.5, Number.NaN])
    assert.match(headProblem({ status, headers: [] }) ?? '', new RegExp(`status ${status}`));
  for (const name of ['', 'a b', 'a:', 'a\r\n', '\u00fc'])
    assert.match(headProblem({ status: 200, headers: [[name, 'x']] }) ?? '', /header name/);
  for (const value of ['a\r\nset-cookie: b', 'a\nb', '\0', '\x7f', '\u0100'])
    assert.match(headProblem({ status: 200, headers: [['x', value]] }) ?? '', /for the header x; line breaks/);
  assert.match(headProblem({ status: 200, headers: [['x', 'y'.repeat(16 * 1024)]] }) ?? '', /16385 characters; 16384 are allowed/);
});

test('what is no head ends the connection', () => {
  for (const header of [
    {},
    { status: 200 },
    { status: '200', headers: [] },
    { status: 200, headers: [['a']] },
    { status: 200, headers: [['a', 1]] },
    { status: 99, headers: [] },
  ])
    assert.throws(() => readReplyHead(header), FrameError);
});

test('flags tell a kind; what they do not tell is bytes', () => {
  for (const kind of ['bytes', 'text', 'json'] as const) assert.equal(kindOfFlags(flagsOfKind(kind)), kind);
  assert.equal(kindOfFlags(3), 'bytes');
  assert.equal(flagsOfKind(undefined), 0);
});
