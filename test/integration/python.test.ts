import assert from 'node:assert/strict';
import { chmod, readdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { DcfError } from '@dcf/sdk/errors';
import { sandboxSupport } from '../../src/process/sandbox-support.js';
import { temporaryDirectory } from '../support/cleanup.js';
import { startDaemon } from '../support/daemon.js';
import { answerOf, type DeploySettings, deploySource } from '../support/functions.js';
import { runCli } from '../support/programs.js';
import { noPython } from '../support/pythons.js';

const owner = { after };
const python = { runtime: 'python' } as const;

/** Evaluates the expression that it is sent. */
const evaluating = 'import os, sys\ndef Handler(req): return eval(req.text(), globals())';

/** A library of this system: its path, as this process has loaded it. */
function anyLibrary(): string | undefined {
  const report: unknown = process.report.getReport();
  if (typeof report !== 'object' || report === null || !('sharedObjects' in report) || !Array.isArray(report.sharedObjects))
    return undefined;
  return report.sharedObjects.map(String).find((path) => /\/libm\.so/.test(path));
}

describe('Python functions on a daemon', { skip: noPython }, async () => {
  const daemon = await startDaemon(owner);
  const deploy = (name: string, source: string, settings: DeploySettings = {}) =>
    deploySource(owner, daemon, name, source, { ...python, ...settings });

  test('dcf init, deploy, invoke and logs, from the folder to the answer', async () => {
    const directory = await temporaryDirectory(owner);
    const dcf = (...args: string[]) => runCli(args, { url: daemon.url, directory });
    for (const template of ['hello', 'json']) {
      const name = `made-${template}`;
      assert.equal((await dcf('init', name, '--runtime', 'python', '--template', template)).code, 0);
      const example = `${name}/examples/${template === 'hello' ? 'hello.txt' : 'numbers.json'}`;
      const ran = await dcf('run', name, '--input', example);
      assert.equal(ran.stdout, template === 'hello' ? 'Hello, Ada!\n' : '{"count":3,"sum":6.5}', ran.stderr);
      const deployed = await dcf('deploy', name);
      assert.equal(deployed.code, 0, deployed.stderr);
      assert.equal((await dcf('invoke', name, '--input', example)).stdout, ran.stdout);
    }
    const refused = await dcf('invoke', 'made-json', '--data', '{}');
    assert.match(refused.stderr, /UNKNOWN: send a JSON list of numbers/);
    await deploy('says', 'def Handler(req):\n  print("said", req.text())\n  return b""');
    const { output: _, report } = await daemon.client.invoke('says', 'it', { requestId: 'by-id', report: true });
    assert.ok(report !== undefined);
    assert.match((await dcf('logs', 'says', '--call', 'by-id')).stdout, /said it/);
  });

  test('a deploy that fails shows the traceback of the function, and no other', async () => {
    const directory = await temporaryDirectory(owner);
    await writeFile(join(directory, 'function.yaml'), 'name: broken\nruntime: python\n');
    await writeFile(join(directory, 'handler.py'), 'def load():\n  raise ValueError("no weights")\nload()\n');
    const { code, stderr } = await runCli(['deploy', directory], { url: daemon.url });
    assert.equal(code, 1);
    assert.match(stderr, /FAILED_PRECONDITION: .*no weights/);
    assert.match(stderr, /handler\.py", line 2, in load/);
    assert.doesNotMatch(stderr, /dcf_worker\/|frozen importlib/);
  });

  test('environment, with paths relative to the folder; nothing is written into the revision', async () => {
    const { revision } = await deploy('env', evaluating, {
      environment: { GREETING: 'hi', PYTHONPATH: 'vendor', LD_LIBRARY_PATH: './lib' },
      files: { 'vendor/brought.py': 'name = "vendor"', 'beside.py': 'name = "beside"' },
    });
    assert.equal(await answerOf(daemon, 'env', { input: 'os.environ["GREETING"]' }), 'hi');
    assert.equal(await answerOf(daemon, 'env', { input: '__import__("brought").name + __import__("beside").name' }), 'vendorbeside');
    const folder = join(daemon.data, 'functions/env', revision);
    assert.deepEqual((await readdir(folder, { recursive: true })).sort(), [
      'beside.py',
      'function.yaml',
      'handler.py',
      'vendor',
      'vendor/brought.py',
    ]);
    assert.doesNotMatch(await answerOf(daemon, 'env', { input: '[k for k in os.environ if k.startswith("DCF_")]' }), /TOKEN|DATA/);
  });

  test('a library of the package is found through LD_LIBRARY_PATH', async (t) => {
    const library = anyLibrary();
    if (library === undefined) {
      t.skip('no library is known that could be copied');
      return;
    }
    const { readFile } = await import('node:fs/promises');
    await deploy('native', 'import ctypes\ndef Handler(req):\n  ctypes.CDLL("libofmine.so")\n  return open("/proc/self/maps").read()', {
      environment: { LD_LIBRARY_PATH: './lib' },
      files: { 'lib/libofmine.so': await readFile(library) },
    });
    assert.match(await answerOf(daemon, 'native'), /functions\/native\/\w+\/lib\/libofmine\.so/, basename(library));
  });

  const support = await sandboxSupport();
  test('in a sandbox: the interpreter and its packages are there, the data directory is not', {
    skip: support.usable ? false : support.detail,
  }, async () => {
    await deploy('boxed', evaluating, { isolation: 'sandbox', threads: 2 });
    assert.equal(await answerOf(daemon, 'boxed', { input: '__import__("json").dumps([1])' }), '[1]');
    assert.equal(await answerOf(daemon, 'boxed', { input: '__import__("ctypes").sizeof(__import__("ctypes").c_int)' }), '4');
    assert.equal(await answerOf(daemon, 'boxed', { input: `os.path.exists("${daemon.data}/lock")` }), 'false');
    assert.equal(await answerOf(daemon, 'boxed', { input: 'os.getpid() < 20' }), 'true');
  });

  test('doctor tells of it', async () => {
    const { stdout } = await runCli(['doctor'], { url: daemon.url });
    assert.match(stdout, /^ok +python +yes: 3\.\d+\.\d+, \//m);
  });
});

test('a daemon whose Python is too old serves everything else, refuses Python functions and says why', async (t) => {
  const directory = await temporaryDirectory(t);
  const old = join(directory, 'python');
  const report = JSON.stringify({ executable: old, tag: 'cpython-38', version: '3.8.18', folders: [] });
  await writeFile(old, `#!/bin/sh\necho '${report}'\n`);
  await chmod(old, 0o755);
  const daemon = await startDaemon(t, { args: ['--python', old] });
  const refused: unknown = await deploySource(t, daemon, 'late', evaluating, python).catch((error: unknown) => error);
  assert.ok(DcfError.is(refused) && refused.code === 'FAILED_PRECONDITION', String(refused));
  assert.equal(
    refused.message,
    `runtime: python needs ${old} (set by --python); found: ${old} is Python 3.8.18, too old: 3.9 or newer is needed`,
  );
  assert.deepEqual(await daemon.control.list(), []);
  const { stdout } = await runCli(['doctor'], { url: daemon.url });
  assert.match(stdout, /^note +python +no: .*3\.8\.18, too old/m);
});
