import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../support/cleanup.js';
import { startPool } from '../support/pool.js';
import { root, runCli } from '../support/programs.js';
import { pythonPackage, runPython, withoutPython } from '../support/python.js';
import { noPython } from '../support/pythons.js';

const samples = join(root, 'test/python/testing');

/** Runs pytest on a file or a folder. Resolves with its exit code. */
async function pytest(path: string): Promise<unknown> {
  const program = `
import json, pytest, sys
code = int(pytest.main(["-q", "-p", "no:cacheprovider", "--tb=short", sys.argv[1]]))
sys.stderr.flush()
print()
if code: sys.exit(code)
print(code)`;
  return await runPython(program, { args: [path] });
}

test('a Handler is tested with pytest, by the runtime of a worker', { skip: withoutPython('pytest', 'yaml') }, async () => {
  assert.equal(await pytest(samples), 0);
});

test('the example of the documents, in a folder of dcf init', { skip: withoutPython('pytest', 'yaml') }, async (t) => {
  const directory = await temporaryDirectory(t);
  assert.equal((await runCli(['init', 'hello', '--runtime', 'python'], { directory })).code, 0);
  const page = await readFile(join(root, 'docs/writing-functions-python.md'), 'utf8');
  const [, name = '', source = ''] = /```python\n# (hello\/test_\w+\.py)[^\n]*\n([\s\S]*?)```/.exec(page) ?? [];
  assert.equal(name, 'hello/test_hello.py');
  await writeFile(join(directory, name), source);
  assert.equal(await pytest(directory), 0);
});

test('a Handler and its tests pass mypy --strict', { skip: withoutPython('mypy', 'pytest') }, async (t) => {
  const config = join(await temporaryDirectory(t), 'mypy.ini');
  // mypy reports nothing of what is installed; here the package is found in its folder.
  const installed = '[mypy-dcf_worker,dcf_worker.*]\nfollow_imports = silent\n[mypy-yaml.*]\nignore_missing_imports = True\n';
  const cache = dirname(config);
  await writeFile(
    config,
    `[mypy]\nstrict = True\nwarn_unused_ignores = False\nmypy_path = ${join(pythonPackage, 'src')}\ncache_dir = ${cache}\n${installed}`,
  );
  const program = `
import json, os, sys
from mypy import api
os.chdir(sys.argv[2])
out, errors, code = api.run(["--config-file", sys.argv[1], "hello/handler.py", "test_hello.py"])
print(json.dumps([out.strip(), errors]))`;
  assert.deepEqual(await runPython(program, { args: [config, samples] }), ['Success: no issues found in 2 source files', '']);
});

test('without PyYAML it says what to do, and a Handler itself needs none', { skip: withoutPython('json') }, async () => {
  const program = `
import json, sys
sys.modules["yaml"] = None
from dcf_worker.testing import load_function
try:
    load_function(sys.argv[1])
except ModuleNotFoundError as error:
    said = str(error)
with load_function(lambda req: req.input + b"!") as loaded:
    print(json.dumps([said, loaded.call("a").text()]))`;
  const [said, answer] = Object(await runPython(program, { args: [join(samples, 'hello')] }));
  assert.match(said, /function\.yaml cannot be read without PyYAML: run pip install PyYAML, or give load_function the Handler itself/);
  assert.equal(answer, 'a!');
});

test('without grpcio the client says what to install', { skip: withoutPython('json') }, async () => {
  const program = `
import json, sys
sys.modules["grpc"] = None
said = []
for name in ("dcf", "dcfgrpc.api"):
    try:
        __import__(name)
    except ModuleNotFoundError as error:
        said.append([error.name, str(error)])
print(json.dumps(said))`;
  const wanted = ['grpc', 'the package dcf needs grpcio, which is not installed: run pip install grpcio'];
  assert.deepEqual(await runPython(program), [wanted, wanted]);
});

test('a replica runs its own runtime, whatever pip has brought for tests', { skip: noPython }, async (t) => {
  const folder = await temporaryDirectory(t);
  await mkdir(join(folder, 'dcf_worker'));
  await writeFile(join(folder, 'dcf_worker/__init__.py'), 'raise ImportError("another version")');
  const source = 'import dcf_worker\ndef Handler(req): return dcf_worker.__file__';
  const { call } = await startPool(t, source, { runtime: 'python', environment: { PYTHONPATH: folder } });
  assert.match(await call().text, /runtimes\/python\/dcf_worker\/__init__\.py$/);
});
