import assert from 'node:assert/strict';
import test from 'node:test';
import { defer } from '../../../src/core/promises.js';
import { SharedTask, SharedTasks, type TaskContext } from '../../../src/core/shared-task.js';

const silent = { onOutput: () => undefined };
const gaveUp = (): Error => new Error('gave up');

/** A task that ends when the test says so, and when it is aborted only after `cleared`. */
function heldTask() {
  const end = defer<void>();
  const cleared = defer<void>();
  const begun = defer<TaskContext>();
  const runs: TaskContext[] = [];
  const run = async (context: TaskContext): Promise<void> => {
    runs.push(context);
    begun.resolve(context);
    const aborted = new Promise<never>((_, reject) => {
      context.signal.addEventListener('abort', () => void cleared.promise.then(() => reject(new Error('aborted'))));
    });
    await Promise.race([end.promise, aborted]);
  };
  return { run, runs, end, cleared, begun: begun.promise };
}

/** A task for which two wait with the very same listener; `leaver` has the first give up. */
function joinedTwice() {
  const { run, end, begun } = heldTask();
  const task = new SharedTask(run);
  const leaver = new AbortController();
  const left = task.join({ ...silent, signal: leaver.signal }, gaveUp);
  return { task, end, begun, leaver, left, stays: task.join(silent, gaveUp) };
}

test('however many wait, it runs once, and all of them get its end', async () => {
  const { run, runs, end } = heldTask();
  const tasks = new SharedTasks<string>();
  const task = tasks.begin('a', run);
  const waits = [task.join(silent, gaveUp), task.join(silent, gaveUp)];
  assert.equal(tasks.get('a'), task);
  end.resolve();
  await Promise.all(waits);
  assert.deepEqual([runs.length, runs[0]?.signal.aborted, tasks.get('a')], [1, false, undefined]);
});

test('all who wait get its error, and whoever tries again at once begins a new one', async () => {
  const tasks = new SharedTasks<string>();
  const fails = async (): Promise<void> => {
    throw new Error('no such file');
  };
  const task = tasks.begin('a', fails);
  const waits = await Promise.allSettled([task.join(silent, gaveUp), task.join(silent, gaveUp)]);
  assert.deepEqual(
    waits.map((wait) => wait.status === 'rejected' && wait.reason instanceof Error && wait.reason.message),
    ['no such file', 'no such file'],
  );
  await tasks.begin('a', async () => undefined).join(silent, gaveUp);
});

test('a run that throws before it returns a promise is no task that stays', async () => {
  const tasks = new SharedTasks<string>();
  const task = tasks.begin('a', () => {
    throw new Error('at once');
  });
  await assert.rejects(task.join(silent, gaveUp), /at once/);
  assert.equal(tasks.get('a'), undefined);
});

test('whoever gives up leaves, and the task goes on for the others', async () => {
  const { task, end, begun, leaver, left, stays } = joinedTwice();
  leaver.abort();
  await assert.rejects(left, /gave up/);
  assert.deepEqual([task.abandoned, (await begun).signal.aborted], [false, false]);
  end.resolve();
  await stays;
});

test('when the last one leaves it is aborted, and that one waits until it has cleared up', async () => {
  const { run, cleared, begun } = heldTask();
  const tasks = new SharedTasks<string>();
  const task = tasks.begin('a', run);
  const leavers = [new AbortController(), new AbortController()];
  const steps: string[] = [];
  const waits = leavers.map(({ signal }, at) =>
    task.join({ ...silent, signal }, gaveUp).catch(() => {
      steps.push(`left ${at}`);
    }),
  );
  leavers[0]?.abort();
  await waits[0];
  leavers[1]?.abort();
  const { signal } = await begun;
  await new Promise<void>((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve())));
  assert.equal(task.abandoned, true);
  assert.equal(tasks.get('a'), task, 'nobody begins another before it has cleared up');
  await assert.rejects(task.join(silent, gaveUp), /an abandoned task cannot be joined/);
  steps.push('clears up');
  cleared.resolve();
  await Promise.all(waits);
  await task.ended();
  assert.deepEqual([steps, tasks.get('a')], [['left 0', 'clears up', 'left 1'], undefined]);
});

test('whoever has given up before it joins is not waited for', async () => {
  const { run, cleared } = heldTask();
  const task = new SharedTask(run);
  cleared.resolve();
  await assert.rejects(task.join({ ...silent, signal: AbortSignal.abort() }, gaveUp), /gave up/);
  assert.equal(task.abandoned, true);
});

test('all who wait are told, and who comes later gets the first lines as well', async () => {
  const { run, end, begun } = heldTask();
  const task = new SharedTask(run, { remembered: 2 });
  const heard: string[][] = [[], [], []];
  const join = (at: number): Promise<void> => task.join({ onOutput: (line) => heard[at]?.push(line) }, gaveUp);
  const waits = [join(0), join(1)];
  const { tell } = await begun;
  for (const line of ['one', 'two', 'three']) tell(line);
  waits.push(join(2));
  tell('four');
  end.resolve();
  await Promise.all(waits);
  assert.deepEqual(heard, [
    ['one', 'two', 'three', 'four'],
    ['one', 'two', 'three', 'four'],
    ['one', 'two', 'four'],
  ]);
});

test('two who share the very same listener count as two', async () => {
  const { task, end, begun, leaver, left, stays } = joinedTwice();
  await begun;
  leaver.abort();
  await assert.rejects(left, /gave up/);
  assert.equal(task.abandoned, false);
  end.resolve();
  await stays;
});

test('a key has one task at a time', () => {
  const tasks = new SharedTasks<string>();
  tasks.begin('a', async () => undefined);
  assert.throws(() => tasks.begin('a', async () => undefined), /runs already/);
});
