import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { startDaemon } from '../../support/daemon.js';
import { deploySource, echoSource } from '../../support/functions.js';
import { root } from '../../support/programs.js';
import { runTool, type ToolResult } from '../../support/wire/run-tool.js';
import { wireTool } from '../../support/wire-tools.js';

const owner = { after };
const { path: program, missing: skip } = await wireTool('grpcurl');
const token = 'a-token-of-the-tests';
const daemon = await startDaemon(owner, { token, args: ['--reflection'] });
await deploySource(owner, daemon, 'echo', echoSource);
const authorized = ['-H', `authorization: Bearer ${token}`];

/** Asks with nothing but what the daemon tells of itself. */
function grpcurl(t: TestContext, ...args: string[]): Promise<ToolResult> {
  return runTool(t, program, ['-plaintext', '-max-time', '60', ...authorized, ...args]);
}

async function told(t: TestContext, ...args: string[]): Promise<string> {
  const { code, out, errors } = await grpcurl(t, ...args);
  assert.equal(code, 0, errors);
  return out;
}

const services = [
  'dcf.v1.Control',
  'dcf.v1.Functions',
  'grpc.health.v1.Health',
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
  'pb.Gateway',
];

test('grpcurl lists all services, and the methods of each as the contracts have them', { skip }, async (t) => {
  assert.deepEqual((await told(t, daemon.url, 'list')).trim().split('\n'), services);
  const contract = await readFile(join(root, 'proto/dcf/v1/dcf.proto'), 'utf8');
  const [, body = ''] = /service Control \{(.*?)\n\}/s.exec(contract) ?? [];
  const methods = Array.from(body.matchAll(/^ {2}rpc (\w+)/gm), ([, name]) => `dcf.v1.Control.${name}`).sort();
  assert.ok(methods.length > 5);
  assert.deepEqual((await told(t, daemon.url, 'list', 'dcf.v1.Control')).trim().split('\n').sort(), methods);
});

test('grpcurl describes what there is as with the contracts at hand', { skip }, async (t) => {
  const symbols = [
    ...['dcf.v1.Functions', 'dcf.v1.Control.Deploy', 'dcf.v1.InvokeRequest', 'dcf.v1.StreamRequest', 'dcf.v1.FunctionSummary'],
    ...['dcf.v1.DeployEvent', 'dcf.v1.DaemonInfo'],
  ];
  for (const symbol of symbols) {
    const contract = ['-import-path', join(root, 'proto'), '-proto', 'dcf/v1/dcf.proto'];
    const { out: expected, errors } = await runTool(t, program, [...contract, 'describe', symbol]);
    assert.notEqual(expected, '', errors);
    assert.equal(withoutComments(await told(t, daemon.url, 'describe', symbol)), withoutComments(expected));
  }
  assert.match(await told(t, daemon.url, 'describe', 'pb.Gateway.Invoke'), /rpc Invoke \( \.pb\.InvokeServiceRequest \)/);
  assert.match(await told(t, daemon.url, 'describe', 'grpc.health.v1.HealthCheckResponse.ServingStatus'), /SERVING = 1;/);
});

/** The descriptors of the daemon have no comments. */
function withoutComments(text: string): string {
  return text.replace(/^ *\/\/.*\n/gm, '').replace(/\n{2,}/g, '\n');
}

test('grpcurl calls methods by what it was told alone', { skip }, async (t) => {
  assert.match(await told(t, daemon.url, 'grpc.health.v1.Health/Check'), /"status": "SERVING"/);
  assert.match(await told(t, '-d', '{"service":"echo"}', daemon.url, 'grpc.health.v1.Health/Check'), /"status": "SERVING"/);
  assert.match(await told(t, daemon.url, 'dcf.v1.Control/List'), /"name": "echo"/);
  assert.match(await told(t, '-d', '{"Service":"echo","Input":"aGk="}', daemon.url, 'pb.Gateway/Invoke'), /"Msg": "aGk="/);
});

test('grpcurl is told of what is not there', { skip }, async (t) => {
  const { code, errors } = await grpcurl(t, daemon.url, 'describe', 'dcf.v1.Nothing');
  assert.notEqual(code, 0);
  assert.match(errors, /Symbol not found|not found/i);
});

test('who has no token is told nothing', { skip }, async (t) => {
  const { code, errors } = await runTool(t, program, ['-plaintext', '-max-time', '60', daemon.url, 'list']);
  assert.notEqual(code, 0);
  assert.match(errors, /Unauthenticated|token/);
});
