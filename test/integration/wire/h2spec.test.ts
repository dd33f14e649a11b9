import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startDaemon } from '../../support/daemon.js';
import { runH2spec } from '../../support/wire/h2spec.js';
import { wireTool } from '../../support/wire-tools.js';

/** h2spec 2.2.1 has so many, those of `--strict` not counted. */
const caseCount = 145;

const { path, missing } = await wireTool('h2spec');

test('h2spec', { skip: missing }, async (t) => {
  const daemon = await startDaemon({ after });
  const cases = await runH2spec(t, path, daemon.port);
  assert.equal(new Set(cases.map(({ name }) => name)).size, caseCount);
  for (const { name, outcome, detail } of cases) await t.test(name, () => assert.equal(outcome, 'passed', detail));
  await t.test('the daemon lives, and serves who speaks gRPC', async () => {
    await daemon.control.list();
  });
});
