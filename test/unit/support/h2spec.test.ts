import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseReport } from '../../support/wire/h2spec.js';

/** As h2spec 2.2.1 writes it, with the bytes of zero that a frame may have. */
const report = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="6.7. PING" package="http2/6.7" id="6.7" tests="3" skipped="1" failures="0" errors="1">
    <testcase package="http2/6.7" classname="Sends a PING frame" time="0.0129"></testcase>
    <testcase package="http2/6.7" classname="Sends a PING frame with ACK" time="0.0129">
      <error>PING Frame (opaque_data:h2spec\0\0)
Connection closed</error>
    </testcase>
    <testcase package="http2/6.7" classname="Sends &#34;:path&#34; &amp; more" time="0.0129">
      <skipped></skipped>
    </testcase>
  </testsuite>
</testsuites>
`;

test("h2spec's report says of each case whether it passed, and what came", () => {
  assert.deepEqual(parseReport(report), [
    { name: 'http2/6.7: Sends a PING frame', outcome: 'passed', detail: '' },
    { name: 'http2/6.7: Sends a PING frame with ACK', outcome: 'failed', detail: 'PING Frame (opaque_data:h2spec\0\0)\nConnection closed' },
    { name: 'http2/6.7: Sends ":path" & more', outcome: 'skipped', detail: '' },
  ]);
  assert.deepEqual(parseReport(''), []);
});
