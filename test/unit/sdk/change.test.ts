import assert from 'node:assert/strict';
import test from 'node:test';
import type { DeployProgress } from '@dcf/sdk/control';
import { status } from '@grpc/grpc-js';
import { refusal } from '../../support/refusal.js';
import { controlOf } from './control-server.js';

test('rollback, aliases, traffic: what is asked for, the steps, the result', async (t) => {
  const asked: unknown[] = [];
  const client = await controlOf(t, {
    Rollback: (call) => {
      asked.push(call.request);
      call.write({ step: { name: 'switch', done: false } });
      call.write({ step: { name: 'switch', done: true, detail: 'quick' } });
      call.write({ deployed: { function: 'digits', revision: 'abc', changed: true } });
      call.end();
    },
    SetAlias: (call) => {
      asked.push(call.request);
      call.write({ deployed: { function: 'digits', revision: 'abc', changed: false } });
      call.end();
    },
    SetTraffic: (call) => {
      asked.push(call.request);
      call.write({ warning: 'careful' });
      call.write({ deployed: { function: 'digits', revision: 'abc', changed: true } });
      call.end();
    },
    Scale: ({ request }, callback) => {
      asked.push(request);
      callback(null, { revision: 'abc', min: request.min ?? 1, max: request.max ?? 1 });
    },
  });
  const told: DeployProgress[] = [];
  const onProgress = (event: DeployProgress): void => void told.push(event);
  assert.deepEqual(await client.rollback('digits', { onProgress }), { function: 'digits', revision: 'abc', changed: true });
  assert.equal((await client.setAlias('digits', 'prod', 'abc')).changed, false);
  await client.deleteAlias('digits', 'prod');
  await client.setTraffic('digits', [{ target: 'prod', percent: 100 }], { maxErrorRate: 2.5, onProgress });
  assert.deepEqual({ ...(await client.scale('digits', { min: 0 })) }, { revision: 'abc', min: 0, max: 1 });
  assert.deepEqual(JSON.parse(JSON.stringify(asked)), [
    { name: 'digits', to: '' },
    { name: 'digits', alias: 'prod', target: 'abc' },
    { name: 'digits', alias: 'prod', target: '' },
    { shares: [{ target: 'prod', percent: 100 }], name: 'digits', maxErrorRate: 2.5, _maxErrorRate: 'maxErrorRate' },
    { name: 'digits', min: 0, _min: 'min' },
  ]);
  assert.deepEqual(told, [
    { kind: 'step', name: 'switch', done: false, detail: '' },
    { kind: 'step', name: 'switch', done: true, detail: 'quick' },
    { kind: 'warning', text: 'careful' },
  ]);
  assert.equal((await refusal(client.setAlias('digits', 'prod', ''))).code, 'INVALID_ARGUMENT');
});

test("a change that fails has the daemon's code and the Handler's own stack", async (t) => {
  const client = await controlOf(t, {
    Rollback: (call) => {
      call.write({ stack: 'Error: no weights\n    at new Handler (handler.ts:3:7)' });
      call.emit('error', { code: status.FAILED_PRECONDITION, details: 'the Handler could not be built: no weights' });
    },
    SetAlias: (call) => call.end(),
  });
  const error = await refusal(client.rollback('digits'));
  assert.deepEqual([error.code, error.message], ['FAILED_PRECONDITION', 'the Handler could not be built: no weights']);
  assert.ok(error.cause instanceof Error);
  assert.match(error.cause.stack ?? '', /handler\.ts:3:7/);
  assert.match((await refusal(client.setAlias('digits', 'prod', 'abc'))).message, /without a result/);
});

test('a signal ends it at the daemon, too; an onProgress that throws is the caller’s own error', async (t) => {
  let cancelled: () => void = () => undefined;
  const gone = new Promise<void>((resolve) => {
    cancelled = resolve;
  });
  const abort = new AbortController();
  const client = await controlOf(t, {
    Rollback: (call) => {
      call.on('cancelled', cancelled);
      call.write({ step: { name: 'start', done: false } });
    },
  });
  assert.equal((await refusal(client.rollback('digits', { signal: abort.signal, onProgress: () => abort.abort() }))).code, 'CANCELLED');
  await gone;
  const thrown = await refusal(
    client.rollback('digits', {
      onProgress: () => {
        throw new Error('of the caller');
      },
    }),
  );
  assert.equal(thrown.message, 'of the caller');
});
