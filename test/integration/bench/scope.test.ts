import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startProcess } from '../../../bench/harness/processes.js';
import { withScope } from '../../../bench/harness/scope.js';
import { isAlive } from '../../support/processes.js';

const program = (source: string): string[] => ['--input-type=module', '--eval', source];
const stays = program('console.log("hello"); console.log("ready"); setInterval(() => {}, 1000)');
const isReady = (line: string): boolean => line === 'ready';

describe('withScope', () => {
  it('ends what was deferred, the last first, though one of them fails', async () => {
    const ended: string[] = [];
    const work = withScope(AbortSignal.any([]), async (scope) => {
      scope.defer(async () => void ended.push('first'));
      scope.defer(() => Promise.reject(new Error('stuck')));
      scope.defer(async () => void ended.push('last'));
    });
    await assert.rejects(work, /stuck/);
    assert.deepEqual(ended, ['last', 'first']);
  });

  it('starts nothing once it was told to stop', async () => {
    const reason = new Error('told to stop');
    await assert.rejects(
      withScope(AbortSignal.abort(reason), () => assert.fail('it went on')),
      reason,
    );
  });
});

describe('startProcess', () => {
  it('resolves when the process is ready, and ends it with the scope', async () => {
    const { pid, lines, readyMs } = await withScope(AbortSignal.any([]), async (scope) => {
      const started = await startProcess(scope, 'it', [process.execPath, ...stays], isReady);
      assert.ok(isAlive(started.pid));
      return started;
    });
    assert.deepEqual(lines, ['hello', 'ready']);
    assert.ok(readyMs > 0);
    assert.equal(isAlive(pid), false);
  });

  it('rejects when the process ends before', async () => {
    const work = withScope(AbortSignal.any([]), (scope) =>
      startProcess(scope, 'it', [process.execPath, ...program('console.log("hello")')], isReady),
    );
    await assert.rejects(work, { name: 'DcfError', code: 'UNAVAILABLE', message: /^it ended before it was ready/ });
  });

  it('rejects and ends the process when it is told to stop while it waits', async () => {
    const controller = new AbortController();
    const seen: string[] = [];
    const stop = (line: string): boolean => {
      seen.push(line);
      controller.abort(new Error('told to stop'));
      return false;
    };
    const source = program('console.log(process.pid); setInterval(() => {}, 1000)');
    await assert.rejects(
      withScope(controller.signal, (scope) => startProcess(scope, 'it', [process.execPath, ...source], stop)),
      /told to stop/,
    );
    assert.equal(isAlive(Number(seen[0])), false);
  });
});
