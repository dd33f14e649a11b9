import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { type Frame, FrameError } from '../../../src/wire/frame.js';
import { fromFrame } from '../../../src/wire/messages.js';

const base: Frame = { type: 0, flags: 0, id: 0, timeoutMs: 0, header: '', body: new Uint8Array(0) };

function refused(frame: Partial<Frame>, rule: RegExp): void {
  assert.throws(
    () => fromFrame({ ...base, ...frame }),
    (error) => error instanceof FrameError && rule.test(error.message),
  );
}

test('a frame that breaks a rule is refused with the rule', () => {
  refused({ type: 99 }, /type 99 is not known/);
  refused({ type: 4, header: '' }, /not JSON/);
  refused({ type: 4, header: '[]' }, /not an object/);
  refused({ type: 4, header: '{}' }, /"requestId" is not a text/);
  refused({ type: 4, header: '{"requestId":"a","metadata":{"k":1}}' }, /"metadata" has a value that is not a text/);
  refused({ type: 6, header: '{"code":"OK","message":"","stack":""}' }, /"OK" is not the name of a gRPC status/);
  refused({ type: 11, header: '{"level":"loud","time":1}' }, /not a log level/);
  refused({ type: 2, header: '{"providers":[1],"initMs":1}' }, /"providers" is not a list of texts/);
  refused({ type: 2, header: '{"providers":[],"initMs":-1}' }, /"initMs" is not a whole number from 0/);
  refused({ type: 1, header: '{"protocol":1}' }, /"function" is not a text/);
});

test('an INIT of another protocol version is refused', () => {
  const init = {
    protocol: 2,
    function: 'f',
    revision: 'r',
    worker: 0,
    directory: '/',
    handler: { path: 'h', name: 'H' },
    parameters: {},
    resources: {},
    providers: [],
    devices: [],
    concurrency: 1,
    maxBatch: 1,
    maxPayload: 1,
  };
  refused({ type: 1, header: JSON.stringify(init) }, /version 2 is not 1/);
  assert.equal(fromFrame({ ...base, type: 1, header: JSON.stringify({ ...init, protocol: 1 }) }).type, 'INIT');
});

test('any header either reads or is refused by a FrameError', () => {
  const keys = ['requestId', 'metadata', 'code', 'message', 'stack', 'level', 'time', 'providers', 'initMs', 'function', 'bytes', 'why'];
  // Almost right: of headers of any keys hardly one gets beyond the first that is missing.
  const almost = fc
    .dictionary(fc.constantFrom(...keys), fc.oneof(fc.string(), fc.nat(), fc.jsonValue()))
    .map((found) => JSON.stringify(found));
  fc.assert(
    fc.property(fc.nat({ max: 20 }), fc.oneof(almost, fc.json(), fc.string()), (type, header) => {
      try {
        fromFrame({ ...base, type, header });
      } catch (error) {
        assert.ok(error instanceof FrameError, String(error));
      }
    }),
    { numRuns: 1000 },
  );
});
