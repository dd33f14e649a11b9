import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FunctionDescription, FunctionSummary } from '@dcf/sdk/contract';
import { formatDescription } from '../../../src/cli/commands/describe.js';
import { formatCheckup } from '../../../src/cli/commands/doctor.js';
import { formatFunctions } from '../../../src/cli/commands/list.js';
import { DeployProgressReader } from '../../../src/cli/daemon/deploy-progress.js';
import { formatEntry } from '../../../src/cli/daemon/log-entry.js';
import { checkNode, checkProviders, checkUsable } from '../../../src/cli/local/checkup.js';
import { formatTable, indent, plain } from '../../../src/cli/terminal/output.js';
import { LineView } from '../../../src/cli/terminal/steps.js';

// The test runner's stdout is no terminal, so nothing here is coloured.

const summary: FunctionSummary = {
  name: 'digits',
  description: 'Handwritten digits',
  revision: '0123456789abcdef',
  runtime: 'node',
  replicas: 2,
  readyReplicas: 1,
  calls: 1200,
  errors: 3,
  providers: ['cuda', 'cpu'],
  state: 'starting',
  reason: 'no weights\nat Handler',
  aliases: {},
  traffic: [],
};

test('a table has columns as wide as their widest cell, and no blanks at the end of a line', () => {
  assert.equal(
    formatTable([
      ['A', 'LONG'],
      ['aaaa', 'x'],
      ['', ''],
    ]),
    'A     LONG\naaaa  x\n\n',
  );
});

test('list: one line a function, whatever its reason holds', () => {
  const lines = formatFunctions([summary, { ...summary, name: 'b', providers: [], reason: '\u001b[31mred' }]).split('\n');
  assert.deepEqual(lines, [
    'NAME    REVISION          STATE     READY  CALLS  ERRORS  PROVIDERS  REASON',
    'digits  0123456789abcdef  starting  1/2    1200   3       cuda,cpu   no weights',
    'b       0123456789abcdef  starting  1/2    1200   3       -          \uFFFD[31mred',
    '',
  ]);
});

const replicaOfAnOlderDaemon = {
  startedAt: 0,
  workers: [],
  memory: 0,
  peakMemory: 0,
  memoryLimit: 0,
  memoryGuard: '',
  isolation: '',
  network: false,
  devices: [],
};

const revisionState = {
  active: true,
  aliases: ['prod'],
  percent: 90,
  state: 'ready',
  replicas: 2,
  readyReplicas: 1,
  minReplicas: 1,
  maxReplicas: 4,
  calls: 1199,
  errors: 2,
};

test('list: aliases and traffic have columns where a function has any', () => {
  const traffic = [
    { revision: '0123456789abcdef', percent: 90 },
    { revision: 'fedcba9876543210', percent: 10 },
  ];
  const [head, first, second] = formatFunctions([{ ...summary, traffic, aliases: { prod: '0123456789abcdef' } }, summary]).split('\n');
  assert.match(head ?? '', /PROVIDERS {2}ALIASES +TRAFFIC +REASON$/);
  assert.match(first ?? '', / prod=0123456789abcdef {2}0123456789abcdef=90%,fedcba9876543210=10% {2}no weights$/);
  assert.match(second ?? '', / - +- +no weights$/);
});

test('describe: every section that has something to say', () => {
  const description: FunctionDescription = {
    summary,
    manifest: '{"name":"digits","timeout":30000}',
    revisions: [{ revision: '0123456789abcdef', createdAt: Date.UTC(2026, 0, 2), size: 2048, files: 4, ...revisionState }],
    aliases: { prod: '0123456789abcdef' },
    replicas: [
      {
        id: 1,
        revision: '0123456789abcdef',
        pid: 42,
        state: 'ready',
        startedAt: Date.UTC(2026, 0, 2, 3),
        workers: [0, 1].map((index) => ({ index, state: 'ready', providers: ['cpu'], initMs: 89, calls: 7, running: 0 })),
        memory: 50 * 2 ** 20,
        peakMemory: 64 * 2 ** 20,
        memoryLimit: 2 ** 30,
        memoryGuard: 'watch',
        isolation: 'sandbox',
        network: false,
        devices: ['0', '3'],
      },
      { ...replicaOfAnOlderDaemon, id: 2, revision: '0123456789abcdef', pid: 43, state: 'starting' },
    ],
    queued: 5,
    running: 2,
    lastFailure: 'it exited with code 3',
    lastFailureAt: Date.UTC(2026, 0, 2, 4),
    history: [{ revision: '0123456789abcdef', at: Date.UTC(2026, 0, 2, 5) }],
    canaryLimit: { maxErrorRate: 5 },
    canaryStop: { revision: 'fedcba9876543210', at: Date.UTC(2026, 0, 2, 6), calls: 20, errors: 3, maxErrorRate: 5 },
    batches: [
      { size: 1, count: 2 },
      { size: 8, count: 1 },
    ],
  };
  const text = formatDescription(description);
  for (const line of [
    'digits',
    '  description:  Handwritten digits',
    '  calls:        1200, 3 of them failed; now 2 running, 5 queued',
    '  batches:      3, of 3.3 calls on average',
    '  last failure: it exited with code 3 (2026-01-02T04:00:00.000Z)',
    '  0123456789abcdef  2026-01-02T00:00:00.000Z  2 KiB  4      ready  1/2    1-4     90%      prod     1199   2       active',
    '  0123456789abcdef  active since 2026-01-02T05:00:00.000Z',
    '  a revision beside the active one loses its share when more than 5% of its calls fail',
    '  fedcba9876543210 lost its share: 3 of its last 20 calls failed, more than 5% (2026-01-02T06:00:00.000Z)',
    '  prod  0123456789abcdef',
    '  1        0123456789abcdef  42   ready     2026-01-02T03:00:00.000Z  0       ready  cpu        89 ms  7      0',
    '                                                                      1       ready  cpu        89 ms  7      0',
    '  2        0123456789abcdef  43   starting  -',
    '  REPLICA  ISOLATION  NETWORK  DEVICES  MEMORY  PEAK    LIMIT  BY',
    '  1        sandbox    no       0,3      50 MiB  64 MiB  1 GiB  watch',
    '  timeout: 30000',
  ]) {
    assert.ok(text.split('\n').includes(line), `${line}\nis missing in\n${text}`);
  }
  const empty = formatDescription({
    ...description,
    summary: null,
    revisions: [],
    aliases: {},
    replicas: [],
    history: [],
    canaryLimit: null,
    canaryStop: null,
    manifest: '',
  });
  assert.doesNotMatch(empty, /Revisions|Canary|History|Aliases|Replicas|Processes/);
});

test('logs: time, level, place, call, text', () => {
  const entry = { time: Date.UTC(2026, 0, 2), level: 'warn', text: 'careful', callId: 'abc', replica: 1, worker: 0, revision: '' };
  assert.equal(formatEntry(entry), '2026-01-02T00:00:00.000Z warn  r1w0 abc careful');
  assert.equal(formatEntry({ ...entry, callId: '' }), '2026-01-02T00:00:00.000Z warn  r1w0 careful');
  const revision = 'ca5ceb5ae825a262';
  assert.equal(formatEntry({ ...entry, revision }), '2026-01-02T00:00:00.000Z warn  r1w0@ca5ceb5a abc careful');
  assert.equal(
    formatEntry({ ...entry, callId: '', replica: 0, revision }),
    '2026-01-02T00:00:00.000Z warn  @ca5ceb5a careful',
    'a line of the platform itself',
  );
  assert.equal(formatEntry({ ...entry, callId: '', replica: 0 }), '2026-01-02T00:00:00.000Z warn  - careful');
});

test('texts from elsewhere cannot steer the terminal', () => {
  assert.equal(plain('a\u001b[2J\u0007b\tc\nd\u009b'), 'a\uFFFD[2J\uFFFDb\tc\nd\uFFFD');
  assert.equal(indent('a\nb'), '  a\n  b');
});

/** What a reader shows for some progress, with the times cut out. */
function shown(feed: (reader: DeployProgressReader) => void): { lines: string[]; reader: DeployProgressReader } {
  const lines: string[] = [];
  const view = new LineView((line) => lines.push(line.replace(/\(?[\d.]+ m?s\)?$/, 'T')));
  const reader = new DeployProgressReader(view);
  feed(reader);
  view.close();
  return { lines, reader };
}

test('deploy: the upload, then the steps of the daemon', () => {
  const { lines, reader } = shown((reader) => {
    reader.read({ kind: 'step', name: 'receive', done: false, detail: '' });
    for (const sent of [0, 512, 2048]) reader.read({ kind: 'upload', sent, total: 2048 });
    reader.read({ kind: 'step', name: 'receive', done: true, detail: '2 KiB' });
    reader.read({ kind: 'step', name: 'prepare', done: false, detail: '' });
    reader.read({ kind: 'output', line: 'added 3 packages\u001b[2J' });
    reader.read({ kind: 'warning', text: 'no GPU' });
    reader.read({ kind: 'step', name: 'prepare', done: true, detail: '' });
    reader.read({ kind: 'step', name: 'start', done: false, detail: '' });
    reader.read({ kind: 'step', name: 'start', done: true, detail: '1 replica' });
    reader.finish();
  });
  assert.deepEqual(lines, [
    'upload    2 KiB new T',
    '  | added 3 packages\uFFFD[2J',
    'warning: no GPU',
    'prepare   T',
    'start     1 replica T',
  ]);
  assert.equal(reader.uploadedBytes, 2048);
});

test('deploy: nothing new to send; no step at all; a step that fails', () => {
  const unchanged = shown((reader) => {
    reader.read({ kind: 'upload', sent: 0, total: 0 });
    reader.finish();
  });
  assert.deepEqual(unchanged.lines, ['upload    nothing new to send T']);
  assert.deepEqual(shown((reader) => reader.finish()).lines, ['upload    nothing new to send T']);
  const failed = shown((reader) => {
    reader.read({ kind: 'step', name: 'start', done: false, detail: '' });
    reader.read({ kind: 'stack', stack: 'Error: no weights\n    at Handler' });
  });
  assert.deepEqual(failed.lines, ['upload    nothing new to send T', 'start     failed']);
  assert.equal(failed.reader.stack, 'Error: no weights\n    at Handler');
});

test('deploy: what the Handler printed while it started is told apart from what an installer printed', () => {
  const { reader } = shown((reader) => {
    reader.read({ kind: 'revision', revision: 'ca5ceb5ae825a262' });
    reader.read({ kind: 'step', name: 'prepare', done: false, detail: '' });
    reader.read({ kind: 'output', line: 'added 3 packages' });
    reader.read({ kind: 'step', name: 'prepare', done: true, detail: '' });
    reader.read({ kind: 'step', name: 'start', done: false, detail: '' });
    for (let line = 0; line < 30; line++) reader.read({ kind: 'output', line: `line ${line}` });
  });
  assert.equal(reader.revision, 'ca5ceb5ae825a262');
  assert.deepEqual([reader.lastLines.length, reader.lastLines[0], reader.lastLines.at(-1)], [20, 'line 10', 'line 29']);
});

test('doctor: Node versions and providers', () => {
  const states = ['18.20.0', '20.10.0', '20.11.0', '21.0.0', '22.1.0', '24.0.0', '25.0.0'].map((version) => checkNode(version).state);
  assert.deepEqual(states, ['broken', 'broken', 'ok', 'note', 'ok', 'ok', 'note']);
  const cpu = { name: 'cpu', usable: true, detail: 'fine' };
  const cuda = { name: 'cuda', usable: false, detail: 'no driver' };
  assert.deepEqual(
    checkProviders([cuda, cpu]).map(({ state, detail }) => [state, detail]),
    [
      ['note', 'no: no driver'],
      ['ok', 'yes: fine'],
    ],
  );
  assert.deepEqual(
    checkProviders([cuda]).map((check) => check.state),
    ['broken'],
  );
  assert.deepEqual(checkUsable('sandbox', { usable: true, detail: 'bubblewrap 0.8.0' }), {
    name: 'sandbox',
    state: 'ok',
    detail: 'yes: bubblewrap 0.8.0',
  });
  assert.equal(checkUsable('sandbox', { usable: false, detail: 'bwrap is not installed' }).state, 'note');
  const text = formatCheckup({
    machine: 'this machine',
    checks: [
      { name: 'node', state: 'ok', detail: '20' },
      { name: 'daemon', state: 'broken', detail: 'x' },
    ],
  });
  assert.equal(
    text,
    'ok      node    20\nbroken  daemon  x\nProviders, devices, sandbox, memory limits and disk were checked on this machine.\n',
  );
});
