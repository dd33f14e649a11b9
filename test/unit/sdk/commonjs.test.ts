import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import * as sdk from '@dcf/sdk';
import { DcfError } from '@dcf/sdk/errors';

const require = createRequire(import.meta.url);

test('require gives the whole SDK, as a copy of its own', () => {
  const required: Record<string, unknown> = require('@dcf/sdk');
  assert.deepEqual(Object.keys(required).sort(), Object.keys(sdk).sort());
  assert.notEqual(required['DcfError'], DcfError);
});

test('each entry that can be imported can be required, with the same exports', async () => {
  const { exports }: { exports: Record<string, string | object> } = require('@dcf/sdk/package.json');
  const entries = Object.keys(exports).filter((entry) => typeof exports[entry] === 'object');
  assert.ok(entries.length > 8);
  for (const entry of entries) {
    const name = `@dcf/sdk${entry.slice(1)}`;
    const imported: object = await import(name);
    const required: object = require(name);
    assert.deepEqual(Object.keys(required).sort(), Object.keys(imported).sort(), name);
  }
});

test('an error of the one copy is a DcfError to the other, by instanceof too', () => {
  const { DcfError: Required }: typeof sdk = require('@dcf/sdk');
  const error = new Required('NOT_FOUND', 'no such user');
  assert.ok(DcfError.is(error));
  assert.ok(error instanceof DcfError);
  assert.ok(new DcfError('NOT_FOUND', 'no such user') instanceof Required);
  assert.ok(!(new Error('no such user') instanceof DcfError));
});

test('a subclass of DcfError is told from other errors', () => {
  class Special extends DcfError {}
  const special: unknown = new Special('INTERNAL', 'x');
  const plain: unknown = new DcfError('INTERNAL', 'x');
  assert.ok(special instanceof Special && special instanceof DcfError);
  assert.ok(!(plain instanceof Special));
});

test('what is required knows the contracts', () => {
  const { loadContract }: typeof import('@dcf/sdk/contract') = require('@dcf/sdk/contract');
  assert.deepEqual(Object.keys(loadContract().dcf).includes('Functions'), true);
});
