import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startDaemon } from '../support/daemon.js';
import { answerOf, deploySource, versionSource, writeFunction } from '../support/functions.js';
import { eventually, processesIn } from '../support/processes.js';
import { runCli } from '../support/programs.js';

const owner = { after };
const daemon = await startDaemon(owner);

test('an alias names a revision, which runs on through deploys and restarts until nothing names it', async (t) => {
  const own = await startDaemon(t);
  const folder = await writeFunction(t, { name: 'named' }, { 'handler.ts': versionSource(1) });
  const deployed = await runCli(['deploy', folder, '--alias', 'prod', '--json'], { url: own.url });
  assert.equal(deployed.code, 0, deployed.stderr);
  const { revision: one } = JSON.parse(deployed.stdout);
  const [pid] = processesIn(own.data);
  const { revision: two } = await deploySource(t, own, 'named', versionSource(2));
  assert.deepEqual([await answerOf(own, 'named'), await answerOf(own, 'named', { alias: 'prod' })], ['2', '1']);
  assert.equal(await answerOf(own, 'named', { alias: one }), '1');
  assert.equal((await own.control.describe('named')).replicas.find(({ revision }) => revision === one)?.pid, pid, 'it is the same process');
  await own.stop('SIGKILL');
  const next = await startDaemon(t, { data: own.data });
  assert.deepEqual([await answerOf(next, 'named'), await answerOf(next, 'named', { alias: 'prod' })], ['2', '1']);
  const listed = await runCli(['list'], { url: next.url });
  assert.match(listed.stdout, new RegExp(`prod=${one}`));
  const moved = await runCli(['alias', 'named', 'prod', two], { url: next.url });
  assert.deepEqual([moved.code, moved.stdout], [0, `named: prod names ${two}\n`], moved.stderr);
  await eventually('nothing names the first revision any more', () => processesIn(next.data).length === 1);
  assert.equal(await answerOf(next, 'named', { alias: 'prod' }), '2');
});

test('an alias of a revision that does not run starts it; without the alias it ends', async (t) => {
  const own = await startDaemon(t);
  const { revision: one } = await deploySource(t, own, 'revived', versionSource(1));
  await deploySource(t, own, 'revived', versionSource(2));
  await eventually('only the active revision runs', () => processesIn(own.data).length === 1);
  await assert.rejects(answerOf(own, 'revived', { alias: one }), { code: 'NOT_FOUND' });
  await own.control.setAlias('revived', 'old', one);
  assert.equal(await answerOf(own, 'revived', { alias: 'old' }), '1');
  const invoked = await runCli(['invoke', 'revived', '--alias', 'old'], { url: own.url });
  assert.equal(invoked.stdout, '1');
  const removed = await runCli(['alias', 'revived', 'old', '--delete'], { url: own.url });
  assert.deepEqual([removed.code, removed.stdout], [0, 'revived has no alias old any more\n']);
  await eventually('it has ended', () => processesIn(own.data).length === 1);
  await assert.rejects(answerOf(own, 'revived', { alias: 'old' }), { code: 'NOT_FOUND', message: /"old"/ });
});

test('a deploy that gets no traffic can be tried by its alias', async (t) => {
  const { revision } = await deploySource(t, daemon, 'tried', versionSource(1));
  await deploySource(t, daemon, 'tried', versionSource(2), { rollout: { traffic: 0, alias: 'next' } });
  assert.deepEqual([await answerOf(daemon, 'tried'), await answerOf(daemon, 'tried', { alias: 'next' })], ['1', '2']);
  assert.equal((await daemon.control.describe('tried')).summary?.revision, revision);
  await daemon.control.rollback('tried', { to: 'next' });
  assert.equal(await answerOf(daemon, 'tried'), '2');
});

test('an alias that is not possible changes nothing', async (t) => {
  const { revision } = await deploySource(t, daemon, 'plain', versionSource(1));
  const { control } = daemon;
  await assert.rejects(control.setAlias('plain', 'prod', 'next'), { code: 'NOT_FOUND', message: /no revision and no alias "next"/ });
  await assert.rejects(control.setAlias('plain', 'Prod', revision), { code: 'INVALID_ARGUMENT', message: /"Prod" is not a valid alias/ });
  await assert.rejects(control.setAlias('plain', 'a'.repeat(16), revision), { code: 'INVALID_ARGUMENT' });
  await assert.rejects(control.deleteAlias('plain', 'prod'), { code: 'NOT_FOUND', message: /no alias prod/ });
  await assert.rejects(control.setAlias('nobody', 'prod', revision), { code: 'NOT_FOUND' });
  await assert.rejects(deploySource(t, daemon, 'plain', versionSource(2), { rollout: { alias: '../x' } }), { code: 'INVALID_ARGUMENT' });
  const { aliases, revisions } = await control.describe('plain');
  assert.deepEqual([{ ...aliases }, revisions.length], [{}, 1]);
});

test('a revision that does not start gets no alias', async (t) => {
  await deploySource(t, daemon, 'sturdy', versionSource(1), { rollout: { alias: 'prod' } });
  const broken = "export class Handler { init() { throw new Error('no weights'); } call() {} }";
  await assert.rejects(deploySource(t, daemon, 'sturdy', broken, { rollout: { alias: 'prod', traffic: 10 } }), { message: /no weights/ });
  assert.deepEqual([await answerOf(daemon, 'sturdy'), await answerOf(daemon, 'sturdy', { alias: 'prod' })], ['1', '1']);
});
