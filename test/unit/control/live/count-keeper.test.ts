import assert from 'node:assert/strict';
import test from 'node:test';
import { CountKeeper } from '../../../../src/control/live/count-keeper.js';
import { type FunctionName, isFunctionName } from '../../../../src/core/names.js';
import { defer } from '../../../../src/core/promises.js';
import type { FunctionCounts } from '../../../../src/registry/state/call-counts.js';

function named(text: string): FunctionName {
  if (!isFunctionName(text)) throw new Error(text);
  return text;
}

const counts = (calls: number): FunctionCounts => ({ revisions: {}, others: { calls, errors: 0 } });

const everyMs = 10_000;

function setUp(known: Map<FunctionName, FunctionCounts | undefined>, write: (name: FunctionName) => Promise<void> = async () => undefined) {
  const written: string[] = [];
  const problems: unknown[] = [];
  const keeper = new CountKeeper({
    functions: {
      list: () => [...known].map(([name, now]) => ({ name, counts: () => now })),
      find: (name) => (known.has(name) ? name : undefined),
    },
    counts: {
      write: async (name, { others }) => {
        await write(name);
        written.push(`${name} ${others.calls}`);
      },
    },
    everyMs,
    onProblem: (error) => problems.push(error),
  });
  return { keeper, written, problems };
}

test('what has changed is written now and then, and what has not is not written again', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const known = new Map([
    [named('a'), counts(1)],
    [named('b'), counts(2)],
  ]);
  const { keeper, written } = setUp(known);
  /** What is written when the time has come. */
  const round = async (): Promise<string[]> => {
    t.mock.timers.tick(everyMs);
    await new Promise(setImmediate);
    return written.splice(0);
  };
  keeper.start();
  assert.deepEqual(await round(), ['a 1', 'b 2']);
  assert.deepEqual(await round(), []);
  known.set(named('b'), counts(3));
  assert.deepEqual(await round(), ['b 3']);
  known.set(named('a'), counts(4));
  await keeper.stop();
  assert.deepEqual(written.splice(0), ['a 4']);
  known.set(named('a'), counts(5));
  assert.deepEqual(await round(), [], 'nothing is written after the end');
});

test('the last write waits for the one before, which is of the same file', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const known = new Map([[named('a'), counts(1)]]);
  const held = defer<void>();
  let open = 0;
  const { keeper, written } = setUp(known, async () => {
    open += 1;
    assert.equal(open, 1, 'two writes at once');
    await held.promise;
    open -= 1;
  });
  keeper.start();
  t.mock.timers.tick(everyMs);
  await new Promise(setImmediate);
  known.set(named('a'), counts(2));
  const stopped = keeper.stop();
  held.resolve();
  await stopped;
  assert.deepEqual(written, ['a 1', 'a 2']);
});

test('counts that are not known yet are not written', async () => {
  const { keeper, written } = setUp(new Map([[named('a'), undefined]]));
  await keeper.stop();
  assert.deepEqual(written, []);
});

test('of failures that follow one another the first is told, and the write is tried again', async () => {
  let works = false;
  const known = new Map([[named('a'), counts(1)]]);
  const { keeper, written, problems } = setUp(known, async () => {
    if (!works) throw new Error('no space');
  });
  await keeper.stop();
  await keeper.stop();
  assert.equal(problems.length, 1);
  works = true;
  await keeper.stop();
  assert.deepEqual(written, ['a 1']);
  works = false;
  known.set(named('a'), counts(2));
  await keeper.stop();
  assert.equal(problems.length, 2, 'a failure after a success is told again');
});

test('a function that was deleted and comes again is written again', async () => {
  const known = new Map([[named('a'), counts(0)]]);
  const { keeper, written } = setUp(known);
  await keeper.stop();
  known.clear();
  await keeper.stop();
  known.set(named('a'), counts(0));
  await keeper.stop();
  assert.deepEqual(written, ['a 0', 'a 0']);
});
