import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { startDaemon } from '../../support/daemon.js';
import { deploySource, echoSource } from '../../support/functions.js';
import { eventually } from '../../support/processes.js';
import { root } from '../../support/programs.js';
import { runTool, startTool, type ToolResult } from '../../support/wire/run-tool.js';
import { wireTool } from '../../support/wire-tools.js';

const owner = { after };
const probe = await wireTool('grpc-health-probe');
const grpcurl = await wireTool('grpcurl');
const daemon = await startDaemon(owner);
await deploySource(owner, daemon, 'echo', echoSource);

/** Patient enough for a machine that is busy. */
const patience = ['-connect-timeout=20s', '-rpc-timeout=20s'];

function check(t: TestContext, ...args: string[]): Promise<ToolResult> {
  return runTool(t, probe.path, [`-addr=${daemon.url}`, ...patience, ...args]);
}

// The codes that the probe ends with: 0 serving, 3 the call failed, 4 not serving.
for (const [way, args] of Object.entries({ plain: [], compressed: ['-gzip'], 'with a header': ['-rpc-header=x-probe: one'] })) {
  test(`grpc-health-probe finds the daemon and a function serving: ${way}`, { skip: probe.missing }, async (t) => {
    for (const service of ['', 'echo']) {
      const { code, errors } = await check(t, `-service=${service}`, ...args);
      assert.equal(code, 0, errors);
      assert.match(errors, /status: SERVING/);
    }
  });
}

test('grpc-health-probe is told of a function that is not there', { skip: probe.missing }, async (t) => {
  const { code, errors } = await check(t, '-service=none');
  assert.equal(code, 3);
  assert.match(errors, /code = NotFound/);
});

test('a watch by grpcurl is told when a function comes and goes, and again what it was told before', {
  skip: grpcurl.missing,
}, async (t) => {
  const proto = ['-import-path', join(root, 'test/support/proto'), '-proto', 'health.proto'];
  const watch = startTool(t, grpcurl.path, ['-plaintext', ...proto, '-d', '{"service":"late"}', daemon.url, 'grpc.health.v1.Health/Watch']);
  const told = (): string[] => Array.from(watch.out().matchAll(/"status": "(\w+)"/g), ([, status = '']) => status);
  await eventually('it is told of no such function', () => told().length === 1);
  await deploySource(owner, daemon, 'late', echoSource);
  await eventually('it is told that the function serves', () => told().includes('SERVING'));
  await daemon.control.delete('late');
  await eventually('it is told that the function serves no more', () => told().at(-1) !== 'SERVING');
  assert.deepEqual(told(), ['SERVICE_UNKNOWN', 'SERVING', 'SERVICE_UNKNOWN']);
  watch.stop();
  await watch.result;
  const { code, errors } = await check(t);
  assert.equal(code, 0, errors);
});
