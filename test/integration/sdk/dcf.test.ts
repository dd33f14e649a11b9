import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import test, { type TestContext } from 'node:test';
import { DcfError, dcf } from '@dcf/sdk';
import { functionsService, startGrpc, unusedAddress } from '../../support/sdk/servers.js';

/** Runs a script that may import the SDK to its own end; it is killed with the test. */
async function runScript(t: TestContext, script: string): Promise<{ output: string; code: unknown }> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  return { output: output.trim(), code };
}

test('a script that calls dcf() ends by itself, and soon', async (t) => {
  const url = await startGrpc(t, [functionsService(({ input }) => input)]);
  const { output, code } = await runScript(
    t,
    `import { dcf } from '@dcf/sdk';
     console.log(Buffer.from(await dcf('${url}', 'echo', 'hello')).toString());
     const done = performance.now();
     process.on('exit', () => console.log(Math.round(performance.now() - done)));`,
  );
  const [echoed, milliseconds] = output.split('\n');
  assert.deepEqual([echoed, code], ['hello', 0]);
  assert.ok(Number(milliseconds) < 5_000, `it lived on for ${milliseconds} ms`);
});

test('so does one whose daemon is not there, with an error', async (t) => {
  const url = await unusedAddress();
  const { output, code } = await runScript(
    t,
    `import { dcf } from '@dcf/sdk';
     await dcf('${url}', 'echo', 'hello').catch((error) => console.log(error.name, error.code));`,
  );
  assert.deepEqual([output, code], ['DcfError UNAVAILABLE', 0]);
});

test('so does one that gave up its calls, with the timeout still far away', async (t) => {
  const url = await startGrpc(t, [functionsService(() => new Promise(() => undefined))]);
  const { output, code } = await runScript(
    t,
    `import { dcf } from '@dcf/sdk';
     await dcf('${url}', 'f', 'x', { signal: AbortSignal.timeout(100), timeout: '1h' }).catch((error) => console.log(error.code));`,
  );
  assert.deepEqual([output, code], ['CANCELLED', 0]);
});

test('one connection for each daemon, however its URL is written', async (t) => {
  const peers = new Set<string>();
  const url = await startGrpc(t, [
    functionsService(({ input }, call) => {
      peers.add(call.getPeer());
      return input;
    }),
  ]);
  await Promise.all([url, `dcf://${url}`, `http://${url}/`, url].map((written) => dcf(written, 'echo', 'x')));
  await dcf(url, 'echo', 'x');
  assert.equal(peers.size, 1);
});

test('a bad URL is a rejection, not a throw', async () => {
  const call = dcf('no url', 'f', 'x');
  await assert.rejects(call, (error) => DcfError.is(error) && error.code === 'INVALID_ARGUMENT');
});

test('importing the SDK does not load grpc-js, which a replica has no use for', async (t) => {
  const { output } = await runScript(
    t,
    `import { createRequire } from 'node:module';
     await import('@dcf/sdk');
     await import('@dcf/sdk/control');
     const loaded = Object.keys(createRequire(import.meta.url).cache);
     console.log(loaded.filter((path) => path.includes('node_modules')).length);`,
  );
  assert.equal(output, '0');
});
