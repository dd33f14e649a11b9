import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closestName, listNames } from '@dcf/sdk/names';
import { dcf } from './command-line.js';
import { FakeDaemon } from './fake-daemon.js';

test('the nearest name: a letter missing, too many, wrong, or two in each other’s place', () => {
  const names = ['hello', 'digits', 'echo', 'a'];
  for (const mistyped of ['helo', 'helllo', 'hallo', 'hlelo', 'hello-']) assert.equal(closestName(mistyped, names), 'hello', mistyped);
  assert.equal(closestName('digts', names), 'digits');
  assert.equal(closestName('digitz', ['dogits', 'digits', 'digest']), 'digits', 'not the first that is near');
  for (const other of ['nobody', 'goodbye', 'xyz', 'ehlol']) assert.equal(closestName(other, names), undefined, other);
  assert.equal(closestName('hello', []), undefined);
});

test('a long list of names is cut', () => {
  assert.equal(listNames(['a', 'b'], 10), 'a, b');
  assert.equal(
    listNames(
      Array.from({ length: 12 }, (_, index) => `f${index}`),
      10,
    ),
    'f0, f1, f2, f3, f4, f5, f6, f7, f8, f9 and 2 more',
  );
});

test('a function that there is not: the one that was meant, and which there are', { timeout: 300_000 }, async (t) => {
  const { url } = await FakeDaemon.start(t);
  for (const [args, first] of [
    [['invoke', 'helo', '--data', 'x'], 'dcf: helo: NOT_FOUND: there is no function helo'],
    [['describe', 'helo'], 'dcf: NOT_FOUND: there is no function helo'],
    [['delete', 'helo', '--yes'], 'dcf: NOT_FOUND: there is no function helo'],
  ] as const) {
    const { code, stderr } = await dcf(args, { env: { DCF_URL: url } });
    assert.deepEqual([code, stderr], [1, `${first}\nDid you mean hello? Deployed at ${url} (dcf list): hello.\n`]);
  }
  const { stderr } = await dcf(['describe', 'nobody'], { env: { DCF_URL: url } });
  assert.match(stderr, /^dcf: NOT_FOUND: there is no function nobody\nDeployed at \S+ \(dcf list\): hello\.\n$/);
});
