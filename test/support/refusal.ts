import assert from 'node:assert/strict';
import { DcfError } from '@dcf/sdk/errors';

/** What a call was refused with. */
export async function refusal(call: Promise<unknown>): Promise<DcfError> {
  const error = await call.then(
    () => assert.fail('the call succeeded'),
    (thrown: unknown) => thrown,
  );
  assert.ok(DcfError.is(error), String(error));
  return error;
}
