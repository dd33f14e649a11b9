import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { DcfError } from '@dcf/sdk';
import { decodeReport } from '@dcf/sdk/contract';
import { startDaemon } from '../support/daemon.js';
import { deploySource, logOf } from '../support/functions.js';
import { eventually } from '../support/processes.js';
import { runCli } from '../support/programs.js';
import { invokeReply, invokeRequest, rawClient } from '../support/raw-client.js';

const owner = { after };
const daemon = await startDaemon(owner);
const source = `export class Handler {
  call(request) {
    console.log('got ' + request.text());
    if (request.text() === 'fail') throw new Error('as it was told');
    if (request.text() === 'metadata') return request.metadata;
    return request.input;
  }
}`;
const { revision } = await deploySource(owner, daemon, 'talker', source);
const raw = rawClient(owner, daemon.url);

function call(input: string, headers: Record<string, string> = {}, name = 'talker') {
  return raw.call('/dcf.v1.Functions/Invoke', invokeRequest({ function: name, input: Buffer.from(input) }), { headers });
}

test('a reply has a report when it was asked for, and the Handler never learns of that', async () => {
  const plain = await call('x');
  assert.deepEqual([plain.code, plain.trailers['dcf-report'], plain.trailers['dcf-request-id']], ['OK', undefined, undefined]);
  const { trailers } = await call('x', { 'dcf-report': '1', 'dcf-request-id': 'mine-1' });
  assert.equal(trailers['dcf-request-id'], 'mine-1');
  const report = decodeReport(trailers['dcf-report'] ?? '');
  assert.ok(report !== undefined, trailers['dcf-report']);
  const { queueMs, runMs, memory, peakMemory, ...rest } = report;
  assert.ok(queueMs >= 0 && runMs > 0 && memory >= 0 && peakMemory >= 0);
  assert.deepEqual(rest, { id: 'mine-1', revision, replica: 1, worker: 0, batchSize: 1, providers: [], cold: false });
  const { reply } = await call('metadata', { 'dcf-report': '1', tenant: 'a' });
  assert.deepEqual(JSON.parse(invokeReply(reply).toString()), { tenant: 'a' });
});

test('an error of a function always has one, one from before it never', async () => {
  const failed = await call('fail');
  assert.equal(failed.code, 'UNKNOWN');
  const report = decodeReport(failed.trailers['dcf-report'] ?? '');
  assert.deepEqual([report?.revision, report?.replica, report?.id], [revision, 1, failed.trailers['dcf-request-id']]);
  const unknown = await call('x', { 'dcf-report': '1' }, 'nobody');
  assert.deepEqual([unknown.code, unknown.trailers['dcf-report']], ['NOT_FOUND', undefined]);
});

test('the SDK gives the report with the output and with the error, and asks for none where it shall not', async () => {
  const { report } = await daemon.client.invoke('talker', 'x', { requestId: 'sdk-1' });
  assert.deepEqual([report.id, report.revision, report.replica, report.batchSize, report.cold], ['sdk-1', revision, 1, 1, false]);
  assert.ok(report.runMs !== undefined && report.totalMs > report.runMs && report.attempts === 1);
  const without = await daemon.client.invoke('talker', 'x', { report: false });
  assert.deepEqual(Object.keys(without.report).toSorted(), ['attempts', 'totalMs']);
  const error = await daemon.client.invoke('talker', 'fail').catch((thrown: unknown) => thrown);
  assert.ok(DcfError.is(error));
  assert.deepEqual([error.report?.revision, error.report?.replica], [revision, 1]);
});

test('a call that waited for a replica to start is cold', async (t) => {
  await deploySource(t, daemon, 'resting', source, { replicas: { min: 0, idleTimeout: '50ms' } });
  await eventually('it rests', async () => (await daemon.control.describe('resting')).replicas.length === 0);
  assert.equal((await daemon.client.invoke('resting', 'x')).report.cold, true);
});

const line = /^REPORT queue=[\d.]+ms run=[\d.]+ms warm replica=1 worker=0 batch=1 (memory=\S+ )?(peak=\S+ )?status=(\w+)$/;

test("each call has a line in its function's log, under its id and behind its own lines", async () => {
  for (const [input, status, lines] of [
    ['x', 'OK', 2],
    ['fail', 'UNKNOWN', 3],
  ] as const) {
    await call(input, { 'dcf-request-id': `logged-${input}` });
    const texts = await logOf(daemon, 'talker', `logged-${input}`);
    assert.deepEqual([texts.length, texts[0], line.exec(texts.at(-1) ?? '')?.[3]], [lines, `got ${input}`, status]);
  }
});

test('callLog: false keeps the lines of calls out of the log of one function, --call-log off out of all', async (t) => {
  await deploySource(t, daemon, 'quiet', source, { callLog: false });
  await daemon.client.invoke('quiet', 'x');
  assert.deepEqual(await logOf(daemon, 'quiet'), ['got x']);
  const silent = await startDaemon(t, { args: ['--call-log', 'off'] });
  await deploySource(t, silent, 'talker', source);
  await silent.client.invoke('talker', 'x');
  assert.deepEqual(await logOf(silent, 'talker'), ['got x']);
});

test('invoke --report: the output alone on stdout, the report and the lines of this call on stderr', async () => {
  await daemon.client.invoke('talker', 'another call');
  const { code, stdout, stderr } = await runCli(['invoke', 'talker', '--data', 'mine', '--report'], { url: daemon.url });
  assert.deepEqual([code, stdout], [0, 'mine'], stderr);
  assert.match(stderr, /^Report\n {2}call: +\S+\n {2}status: +OK\n {2}revision: +[0-9a-f]{16}\n {2}ran in: +replica 1, worker 0\n/);
  assert.match(stderr, /\nLog\n.* got mine\n.* REPORT queue=.*\n$/);
  assert.doesNotMatch(stderr, /another call/);
  const failed = await runCli(['invoke', 'talker', '--data', 'fail', '--report'], { url: daemon.url });
  assert.deepEqual([failed.code, failed.stdout], [1, '']);
  for (const pattern of [/\n {2}status: +UNKNOWN\n/, /\nLog\n.* got fail\n/, /\ndcf: talker: UNKNOWN: as it was told\n$/]) {
    assert.match(failed.stderr, pattern);
  }
});

test('invoke --json: output, report and log in one object; bytes that are no text as base64', async () => {
  const json = async (...args: string[]) => {
    const { code, stdout, stderr } = await runCli(['invoke', 'talker', '--json', ...args], { url: daemon.url, input: Buffer.of(0, 255) });
    return { code, stderr, ...JSON.parse(stdout) };
  };
  const { report, logs, ...rest } = await json('--data', 'mine');
  assert.deepEqual(rest, { code: 0, stderr: '', status: 'OK', output: 'mine', encoding: 'utf8' });
  assert.deepEqual([report.revision, report.attempts, logs[0].text, logs[0].callId], [revision, 1, 'got mine', report.id]);
  const bytes = await json('--input', '-');
  assert.deepEqual([bytes.output, bytes.encoding], ['AP8=', 'base64']);
  const failed = await json('--data', 'fail');
  assert.deepEqual([failed.code, failed.status, failed.error, failed.output], [1, 'UNKNOWN', 'as it was told', undefined]);
  assert.deepEqual([failed.report.revision, failed.logs.length], [revision, 3]);
});

test('over HTTP the report is a header: where it was asked for, and of a call that failed', async () => {
  const post = async (input: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`${daemon.http}/functions/talker`, { method: 'POST', body: input, headers });
    await response.arrayBuffer();
    return { status: response.status, report: response.headers.get('dcf-report'), id: response.headers.get('dcf-request-id') };
  };
  const plain = await post('x');
  assert.deepEqual([plain.status, plain.report], [200, null]);
  const asked = await post('x', { 'dcf-report': '1', 'dcf-request-id': 'over-http' });
  assert.deepEqual(
    [asked.id, decodeReport(asked.report ?? '')?.id, decodeReport(asked.report ?? '')?.replica],
    ['over-http', 'over-http', 1],
  );
  const failed = await post('fail');
  assert.deepEqual([failed.status, decodeReport(failed.report ?? '')?.revision], [500, revision]);
  const unknown = await fetch(`${daemon.http}/functions/nobody`, { method: 'POST', headers: { 'dcf-report': '1' } });
  assert.deepEqual([unknown.status, unknown.headers.get('dcf-report')], [404, null]);
  await unknown.arrayBuffer();
});
