import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
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
const daemon = await startDaemon(owner, { token });
await deploySource(owner, daemon, 'echo', echoSource);
const pipe = 'export class Handler { call(request) { return request.chunks; } }\n';
await deploySource(owner, daemon, 'pipe', pipe);

/** Asks with the project's own contract. */
function grpcurl(t: TestContext, ...args: string[]): Promise<ToolResult> {
  return runTool(t, program, ['-plaintext', '-max-time', '60', '-import-path', join(root, 'proto'), '-proto', 'dcf/v1/dcf.proto', ...args]);
}

const authorized = ['-H', `authorization: Bearer ${token}`];

/** What a program that fails says: grpcurl ends with 64 and the code of the status. */
function failedWith({ code, errors }: ToolResult, status: number, name: string, words: RegExp): void {
  assert.equal(code, 64 + status, errors);
  assert.match(errors, new RegExp(`Code: ${name}\\n`));
  assert.match(errors, words);
}

test('grpcurl lists and describes what the contract has', { skip }, async (t) => {
  const services = (await grpcurl(t, 'list')).out.trim().split('\n');
  assert.deepEqual(services, ['dcf.v1.Control', 'dcf.v1.Functions']);
  const methods = (await grpcurl(t, 'list', 'dcf.v1.Functions')).out.trim().split('\n');
  assert.deepEqual(methods, ['dcf.v1.Functions.Invoke', 'dcf.v1.Functions.Stream']);
  assert.match((await grpcurl(t, 'describe', 'dcf.v1.InvokeRequest')).out, /string function = 1;\n {2}bytes input = 2;/);
});

test('grpcurl calls a function', { skip }, async (t) => {
  for (const bytes of [0, 5, 50_000]) {
    const input = randomBytes(bytes).toString('base64');
    const data = JSON.stringify({ function: 'echo', input });
    const { code, out, errors } = await grpcurl(t, ...authorized, '-d', data, daemon.url, 'dcf.v1.Functions/Invoke');
    assert.equal(code, 0, errors);
    assert.deepEqual(JSON.parse(out), bytes === 0 ? {} : { output: input });
  }
});

test('grpcurl sends many messages in a stream and is given each', { skip }, async (t) => {
  const chunks = ['one', 'two', 'three'].map((text) => Buffer.from(text).toString('base64'));
  const [first, ...others] = chunks;
  const messages = [
    { function: 'pipe', chunks: [first], last: false },
    ...others.map((chunk) => ({ chunks: [chunk], last: chunk === chunks[2] })),
  ];
  const data = messages.map((message) => JSON.stringify(message)).join('\n');
  const { code, out, errors } = await grpcurl(t, ...authorized, '-d', data, daemon.url, 'dcf.v1.Functions/Stream');
  assert.equal(code, 0, errors);
  const got = Array.from(out.matchAll(/"([A-Za-z0-9+/=]+)"(?=[\s,\]])/g), ([, text = '']) => Buffer.from(text, 'base64').toString());
  assert.equal(got.join(''), 'onetwothree');
});

test('grpcurl is told what was wrong', { skip }, async (t) => {
  const data = JSON.stringify({ function: 'none' });
  const invoke = ['-d', data, daemon.url, 'dcf.v1.Functions/Invoke'];
  failedWith(await grpcurl(t, ...authorized, ...invoke), 5, 'NotFound', /there is no function none/);
  failedWith(await grpcurl(t, ...invoke), 16, 'Unauthenticated', /token/);
  const noMethod = await runTool(t, program, [
    ...['-plaintext', '-import-path', join(root, 'test/support/proto'), '-proto', 'interop.proto'],
    ...[...authorized, '-d', '{}', daemon.url, 'grpc.testing.TestService/EmptyCall'],
  ]);
  failedWith(noMethod, 12, 'Unimplemented', /TestService/);
});

test('grpcurl is told that nobody describes the services to those without a contract', { skip }, async (t) => {
  const { code, errors } = await runTool(t, program, ['-plaintext', ...authorized, daemon.url, 'list']);
  assert.equal(code, 1);
  assert.match(errors, /does not support the reflection API/);
});
