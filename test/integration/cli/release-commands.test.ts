import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { dcf } from './command-line.js';
import { FakeDaemon, revision } from './fake-daemon.js';

const other = 'fedcba9876543210';

async function setUp(t: TestContext): Promise<{ daemon: FakeDaemon; env: Record<string, string> }> {
  const daemon = await FakeDaemon.start(t);
  return { daemon, env: { DCF_URL: daemon.url } };
}

test('rollback: the step on stderr, the result on stdout', { timeout: 300_000 }, async (t) => {
  const { daemon, env } = await setUp(t);
  const { code, stdout, stderr } = await dcf(['rollback', 'hello', '--to', other], { env });
  assert.deepEqual([code, stdout], [0, `hello@${other} is active\n`]);
  assert.match(stderr, /^switch {4}[\d.]+ m?s\n$/);
  assert.deepEqual(daemon.changes, [{ name: 'hello', to: other }]);
  const json = await dcf(['rollback', 'hello', '--json'], { env });
  assert.deepEqual(JSON.parse(json.stdout), { function: 'hello', revision: other, changed: true });
});

test('a change that fails: exit code 1, the Handler’s own stack, and what serves on', { timeout: 300_000 }, async (t) => {
  const { env } = await setUp(t);
  for (const args of [
    ['rollback', 'broken'],
    ['alias', 'broken', 'prod', revision],
    ['traffic', 'broken', 'prod=90', `${revision}=10`],
  ]) {
    const { code, stdout, stderr } = await dcf(args, { env });
    assert.deepEqual([code, stdout], [1, ''], args.join(' '));
    assert.equal(
      stderr,
      `dcf: broken: FAILED_PRECONDITION: the Handler could not be built: no weights\n  Error: no weights\n      at new Handler (handler.ts:3:7)\nNothing has changed: broken@${revision} is still the active revision.\n`,
    );
  }
});

test('alias, traffic and scale ask for what they are told', { timeout: 300_000 }, async (t) => {
  const { daemon, env } = await setUp(t);
  assert.equal((await dcf(['alias', 'hello', 'prod', other], { env })).stdout, `hello: prod names ${other}\n`);
  assert.equal((await dcf(['alias', 'hello', 'prod', '--delete'], { env })).stdout, 'hello has no alias prod any more\n');
  assert.equal((await dcf(['traffic', 'hello', 'prod=90', `${other}=10%`, '--max-error-rate', '2.5'], { env })).code, 0);
  assert.equal((await dcf(['scale', 'hello', '--min', '0'], { env })).stdout, `hello@${revision} has 0 to 1 replicas\n`);
  assert.deepEqual(JSON.parse((await dcf(['scale', 'hello', '--max', '4', '--json'], { env })).stdout), {
    function: 'hello',
    revision,
    min: 1,
    max: 4,
  });
  assert.deepEqual(JSON.parse(JSON.stringify(daemon.changes)), [
    { name: 'hello', alias: 'prod', target: other },
    { name: 'hello', alias: 'prod', target: '' },
    {
      shares: [
        { target: 'prod', percent: 90 },
        { target: other, percent: 10 },
      ],
      name: 'hello',
      maxErrorRate: 2.5,
      _maxErrorRate: 'maxErrorRate',
    },
    { name: 'hello', min: 0, _min: 'min' },
    { name: 'hello', max: 4, _max: 'max' },
  ]);
});
