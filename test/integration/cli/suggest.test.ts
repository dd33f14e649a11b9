import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dcf } from './command-line.js';
import { FakeDaemon } from './fake-daemon.js';

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
