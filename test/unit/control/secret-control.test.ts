import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SecretControl, type SecretUser } from '../../../src/control/secret-control.js';
import { requireFunctionName } from '../../../src/core/names.js';

type RunningRevision = SecretUser['revisions'][number];

function revision(kind: RunningRevision['running']['kind'], ...secrets: string[]): RunningRevision {
  return { revision: { manifest: { secrets: secrets.map((name) => ({ name, file: false })) } }, running: { kind } };
}

function user(name: string, ...revisions: RunningRevision[]): SecretUser {
  return { name: requireFunctionName(name), revisions };
}

test('a changed secret names each function that runs with the value before, also by a revision beside the active one', async () => {
  const functions = [
    user('active', revision('pool', 'KEY')),
    user('canary', revision('pool'), revision('pool', 'OTHER', 'KEY')),
    user('failed', revision('failed', 'KEY')),
    user('without', revision('pool', 'OTHER')),
  ];
  const secrets = { list: () => [], set: async () => undefined, delete: async () => undefined };
  const control = new SecretControl(secrets, { list: () => functions });
  assert.deepEqual(await control.set('KEY', Buffer.from('value'), undefined), ['active', 'canary']);
  assert.deepEqual(await control.delete('KEY'), ['active', 'canary']);
});
