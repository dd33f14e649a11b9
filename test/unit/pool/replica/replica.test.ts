import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DcfError } from '../../../../src/core/errors.js';
import { callsNeedDaemon } from '../../../../src/pool/calls/nested-calls.js';
import { Replica } from '../../../../src/pool/replica/replica.js';
import { replicaSpec } from '../../../../src/pool/replica/replica-spec.js';
import { manifestOf } from '../../../support/registry.js';

test('a replica for which there are no devices fails its start, and has ended', async () => {
  const manifest = manifestOf({ name: 'tested', handler: 'handler.mjs' });
  const spec = replicaSpec(manifest, {
    revision: 'r1',
    directory: '/nowhere',
    resources: {},
    providers: ['cuda'],
    leaseDevices: () => {
      throw new DcfError('FAILED_PRECONDITION', 'too few devices');
    },
  });
  const nothing = (): void => undefined;
  const events = { slotFreed: nothing, callReturned: nothing, callStarted: nothing, replicaRetires: nothing, log: nothing };
  const replica = new Replica(1, spec, { ...events, callFunction: callsNeedDaemon });
  await assert.rejects(replica.start(), { code: 'FAILED_PRECONDITION', message: 'too few devices' });
  assert.deepEqual([(await replica.ended).reason, replica.phase], ['spawn', 'ended']);
});
