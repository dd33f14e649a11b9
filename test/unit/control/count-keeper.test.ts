import assert from 'node:assert/strict';
import test from 'node:test';
import { CountKeeper } from '../../../src/control/count-keeper.js';
import { type FunctionName, isFunctionName } from '../../../src/core/names.js';
import { defer } from '../../../src/core/promises.js';
import type { FunctionCounts } from '../../../src/registry/call-counts.js';

function named(text: string): FunctionName {
  if (!isFunctionName(text)) throw new Error(text);
  return text;
}

const counts = (calls: number): FunctionCounts => ({ revisions: {}, others: { calls, errors: 0 } });

function setUp(known: Map<FunctionName, FunctionCounts | undefined>, write: (name: FunctionName) => Promise<void> = async () => undefined) {
  const written: string[] = [];
  const problems: unknown[] = [];
  let waiting = defer<void>();
  const keeper = new CountKeeper({
    functions: {
      list: () => [...known].map(([name, now]) => ({ name, counts: () => now })),
      find: (name) => (known.has(name) ? name : undefined),
    },
    counts: {
      write: async (name, { others }) => {
        await write(name);
        written.push(`${name} ${others.calls}`);
        waiting.resolve();
        waiting = defer();
      },
    },
    everyMs: 1,
    onProblem: (error) => problems.push(error),
  });
  return { keeper, written, problems, nextWrite: () => waiting.promise };
}

test('what has changed is written now and then, and what has not is not written again', async () => {
  const known = new Map([
    [named('a'), counts(1)],
    [named('b'), counts(2)],
  ]);
  const { keeper, written, nextWrite } = setUp(known);
  const first = nextWrite();
  keeper.start();
  await first;
  const second = nextWrite();
  known.set(named('b'), counts(3));
  await second;
  known.set(named('a'), counts(4));
  await keeper.stop();
  assert.deepEqual(written.slice(0, 2), ['a 1', written[1]]);
  assert.deepEqual(written.toSorted(), ['a 1', 'a 4', 'b 3', ...(written.includes('b 2') ? ['b 2'] : [])].toSorted());
});

test('counts that are not known yet are not written', async () => {
  const { keeper, written } = setUp(new Map([[named('a'), undefined]]));
  await keeper.stop();
  assert.deepEqual(written, []);
});

test('of failures that follow one another the first is told, and the write is tried again', async () => {
  let works = false;
  const { keeper, written, problems } = setUp(new Map([[named('a'), counts(1)]]), async () => {
    if (!works) throw new Error('no space');
  });
  await keeper.stop();
  await keeper.stop();
  assert.equal(problems.length, 1);
  works = true;
  await keeper.stop();
  assert.deepEqual(written, ['a 1']);
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
