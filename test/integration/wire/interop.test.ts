import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { serveWithGrpcJs } from '../../support/wire/grpc-js-server.js';
import { serveWithOwn } from '../../support/wire/own-server.js';
import { runTool } from '../../support/wire/run-tool.js';
import { testService } from '../../support/wire/test-service.js';
import { wireTool } from '../../support/wire-tools.js';

/** What the client can do without a cloud, many servers behind a name, or reports of load (ORCA), which no server here makes. */
const cases = [
  'empty_unary',
  'large_unary',
  'client_streaming',
  'server_streaming',
  'ping_pong',
  'empty_stream',
  'timeout_on_sleeping_server',
  'cancel_after_begin',
  'cancel_after_first_response',
  'status_code_and_message',
  'special_status_message',
  'custom_metadata',
  'unimplemented_method',
  'unimplemented_service',
];

const client = await wireTool('interop-client');
/** The servers that the service is mounted on, by name. */
const servers = { 'our own': serveWithOwn, 'grpc-js': serveWithGrpcJs };

for (const [name, serve] of Object.entries(servers)) {
  test(`grpc-go's interop client and ${name}`, { skip: client.missing }, async (t) => {
    const port = await serve({ after }, testService());
    for (const testCase of cases) {
      await t.test(testCase, async (t) => {
        const { code, errors } = await runTool(t, client.path, [
          `-server_host=127.0.0.1`,
          `-server_port=${port}`,
          `-test_case=${testCase}`,
        ]);
        assert.equal(code, 0, errors);
      });
    }
    await t.test('a case that is not there is no success', async (t) => {
      const { code } = await runTool(t, client.path, [`-server_port=${port}`, '-test_case=none']);
      assert.notEqual(code, 0);
    });
  });
}
