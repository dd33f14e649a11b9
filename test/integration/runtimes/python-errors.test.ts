import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../../support/programs.js';
import { pythonPackage, runPython, withoutPython } from '../../support/python.js';

const picklePrelude = `
import json, pickle
def whole(error):
    again = pickle.loads(pickle.dumps(error))
    return [type(again).__name__, str(again), again.args, again.__dict__]
class Missing(DcfError):
    def __init__(self, name):
        super().__init__("NOT_FOUND", "no " + name)
        self.name = name
`;

// A pool of processes sends what a task raises to its parent with pickle, and waits for ever for what cannot be read there.
test('DcfError comes whole out of another process, as do classes that extend it', { skip: withoutPython('json') }, async () => {
  const program = `from dcf_worker import DcfError
${picklePrelude}
print(json.dumps([whole(DcfError("ABORTED", "later", "busy")), whole(Missing("row"))]))`;
  assert.deepEqual(await runPython(program, { path: [join(root, 'src/runtimes/python')] }), [
    ['DcfError', 'later', ['later'], { code: 'ABORTED', message: 'later', reason: 'busy' }],
    ['Missing', 'no row', ['no row'], { code: 'NOT_FOUND', message: 'no row', reason: null, name: 'row' }],
  ]);
});

test('so does the DcfError of the client', { skip: withoutPython('grpc') }, async () => {
  const program = `from dcf import DcfError
${picklePrelude}
print(json.dumps([whole(DcfError("ABORTED", "later", "busy", retry_after=2.5)), whole(Missing("row"))[:3]]))`;
  assert.deepEqual(await runPython(program, { path: [join(pythonPackage, 'src')] }), [
    ['DcfError', 'later', ['later'], { code: 'ABORTED', message: 'later', reason: 'busy', retry_after: 2.5, report: null }],
    ['Missing', 'no row', ['no row']],
  ]);
});
